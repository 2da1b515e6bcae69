# data: diary_roles
library(nlme)
table <- read.csv("data.csv", check.names = FALSE, strip.white = TRUE,
                  na.strings = c("", "NA", "NaN", "nan", ".", "None", "null", "NaT", "<NA>", "N/A", "#N/A", "NULL", "#NULL!", "-"))
d <- data.frame(couple = table[["couple"]])
who <- table[["role"]]
who <- factor(who, levels = sort(unique(who), method = "radix"))  # the same order in every language
d$role <- who
d$side <- as.integer(who)
d$sign <- ifelse(d$side == 1, 1, -1)
d$time <- table[["day"]]
d$step <- match(d$time, sort(unique(d$time)))
d$occasion <- paste(d$couple, d$step)
d$y <- table[["y"]]
d$x <- table[["x"]]
# a value of the same couple: the partner's, or some waves back
at <- function(v, back = 0, side = d$side)
  v[match(paste(d$couple, d$step - back, side), paste(d$couple, d$step, d$side))]
# a person's mean over the waves
usual <- function(v, side = d$side)
  as.vector(tapply(v, paste(d$couple, d$side), mean, na.rm = TRUE)[paste(d$couple, side)])
d$x.within <- d$x - usual(d$x)
d$x.within.partner <- at(d$x - usual(d$x), side = 3 - d$side)
d$x.between <- usual(d$x)
d$x.between.partner <- usual(d$x, side = 3 - d$side)
d$answer <- d$y
fit <- lme(answer ~ 0 + role + role:x.within + role:x.within.partner + role:x.between + role:x.between.partner,
           data = d,
           random = list(couple = pdSymm(~ 0 + role)),
           correlation = corCompSymm(form = ~ 1 | couple/occasion),
           weights = varIdent(form = ~ 1 | role),
           method = "REML",
           na.action = na.omit,
           control = lmeControl(maxIter = 200, msMaxIter = 500))
summary(fit)
