# data: growth_alike_missing
library(nlme)
table <- read.csv("data.csv", check.names = FALSE, strip.white = TRUE,
                  na.strings = c("", "NA", "NaN", "nan", ".", "None", "null", "NaT", "<NA>", "N/A", "#N/A", "NULL", "#NULL!", "-"))
d <- data.frame(couple = table[["couple"]])
who <- table[["role"]]
who <- factor(who, levels = sort(unique(who), method = "radix"))  # the same order in every language
d$side <- ave(as.integer(who), d$couple, FUN = function(who) match(who, sort(unique(who))))
d$time <- table[["time"]]
d$step <- match(d$time, sort(unique(d$time)))
d$occasion <- paste(d$couple, d$step)
d$y <- table[["y"]]
d$answer <- d$y
d$s <- 1 / sqrt(2)  # what partners share
d$d <- ifelse(d$side == 1, 1, -1) / sqrt(2)  # in what they differ
fit <- lme(answer ~ time,
           data = d,
           random = list(couple = pdBlocked(list(pdSymm(~ 0 + s + s:time), pdSymm(~ 0 + d + d:time)))),
           correlation = corCompSymm(form = ~ 1 | couple/occasion),
           method = "REML",
           na.action = na.omit,
           control = lmeControl(maxIter = 200, msMaxIter = 500))
summary(fit)
