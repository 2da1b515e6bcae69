# data: growth_arm
library(nlme)
table <- read.csv("data.csv", check.names = FALSE, strip.white = TRUE,
                  na.strings = c("", "NA", "NaN", "nan", ".", "None", "null", "NaT", "<NA>", "N/A", "#N/A", "NULL", "#NULL!", "-"))
d <- data.frame(couple = table[["couple"]])
who <- table[["role"]]
who <- factor(who, levels = sort(unique(who), method = "radix"))  # the same order in every language
d$role <- who
d$side <- as.integer(who)
d$sign <- ifelse(d$side == 1, 1, -1)
d$time <- table[["time"]]
d$step <- match(d$time, sort(unique(d$time)))
d$occasion <- paste(d$couple, d$step)
d$y <- table[["y"]]
d$arm <- table[["arm"]]
# a person's mean over the waves
usual <- function(v, side = d$side)
  as.vector(tapply(v, paste(d$couple, d$side), mean, na.rm = TRUE)[paste(d$couple, side)])
d$arm.usual <- usual(d$arm)
d$answer <- d$y
fit <- lme(answer ~ 0 + role + role:time + role:arm.usual + role:arm.usual:time,
           data = d,
           random = list(couple = pdSymm(~ 0 + role + role:time)),
           correlation = corCompSymm(form = ~ 1 | couple/occasion),
           weights = varIdent(form = ~ 1 | role),
           method = "REML",
           na.action = na.omit,
           control = lmeControl(maxIter = 200, msMaxIter = 500))
summary(fit)
