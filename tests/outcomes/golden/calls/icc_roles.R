# data: icc_roles
library(nlme)
table <- read.csv("data.csv", check.names = FALSE)
d <- data.frame(couple = table[["couple"]])
d$role <- factor(table[["role"]])
d$side <- as.integer(d$role)
d$sign <- ifelse(d$side == 1, 1, -1)
d$step <- 1
d$occasion <- d$couple
d$y <- table[["y"]]
d$answer <- d$y
fit <- gls(answer ~ 0 + role,
           data = d,
           correlation = corCompSymm(form = ~ 1 | occasion),
           weights = varIdent(form = ~ 1 | role),
           method = "REML",
           na.action = na.omit)
summary(fit)
