# data: icc_missing
library(nlme)
table <- read.csv("data.csv", check.names = FALSE, strip.white = TRUE,
                  na.strings = c("", "NA", "NaN", "nan", ".", "None", "null", "NaT", "<NA>", "N/A", "#N/A", "NULL", "#NULL!", "-"))
d <- data.frame(couple = table[["couple"]])
who <- table[["role"]]
who <- factor(who, levels = sort(unique(who), method = "radix"))  # the same order in every language
d$side <- ave(as.integer(who), d$couple, FUN = function(who) match(who, sort(unique(who))))
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
