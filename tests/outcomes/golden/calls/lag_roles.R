# data: lag_roles
library(nlme)
table <- read.csv("data.csv", check.names = FALSE, strip.white = TRUE,
                  na.strings = c("", "NA", "NaN", "nan", ".", "None", "null", "NaT", "<NA>", "N/A", "#N/A", "NULL", "#NULL!", "-"))
d <- data.frame(couple = table[["couple"]])
who <- table[["role"]]
who <- factor(who, levels = sort(unique(who), method = "radix"))  # the same order in every language
d$role <- who
d$side <- as.integer(who)
d$sign <- ifelse(d$side == 1, 1, -1)
d$time <- table[["wave"]]
d$step <- match(d$time, sort(unique(d$time)))
d$occasion <- paste(d$couple, d$step)
d$y <- table[["y"]]
# a value of the same couple: the partner's, or some waves back
at <- function(v, back = 0, side = d$side)
  v[match(paste(d$couple, d$step - back, side), paste(d$couple, d$step, d$side))]
d$y.before <- at(d$y, 1)
d$y.before.partner <- at(d$y, 1, side = 3 - d$side)
d$answer <- d$y
fit <- gls(answer ~ 0 + role + role:y.before + role:y.before.partner,
           data = d,
           correlation = corCompSymm(form = ~ 1 | occasion),
           weights = varIdent(form = ~ 1 | role),
           method = "REML",
           na.action = na.omit)
summary(fit)
