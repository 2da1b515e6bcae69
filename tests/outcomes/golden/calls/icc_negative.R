# data: icc_negative
library(nlme)
table <- read.csv("data.csv", check.names = FALSE)
d <- data.frame(couple = table[["couple"]])
d$side <- ave(as.integer(factor(table[["role"]])), d$couple,
              FUN = function(who) match(who, sort(unique(who))))
d$step <- 1
d$occasion <- d$couple
d$y <- table[["y"]]
d$answer <- d$y
fit <- gls(answer ~ 1,
           data = d,
           correlation = corCompSymm(form = ~ 1 | occasion),
           method = "REML",
           na.action = na.omit)
summary(fit)
