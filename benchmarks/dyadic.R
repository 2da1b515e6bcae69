# One model of one table by one engine of R, timed: the peer of `python -m benchmarks.dyadic`, which calls it.
#
#   Rscript benchmarks/dyadic.R ENGINE MODEL TABLE.csv
#
# Prints "seconds log-likelihood", or "absent PACKAGE". ENGINE: nlme, glmmTMB, lavaan. MODEL: growth, apim (all by ML).
# Reading the table and loading the package are not timed.

said <- commandArgs(trailingOnly = TRUE)
engine <- said[1]; model <- said[2]
if (!requireNamespace(engine, quietly = TRUE)) { cat("absent", engine, "\n"); quit() }
suppressMessages(library(engine, character.only = TRUE))

rows <- read.csv(said[3])  # couple, side 1 or 2, time, y, and for apim x (one's own) and x_partner
rows$one <- as.numeric(rows$side == 1); rows$two <- 1 - rows$one
rows$kind <- factor(rows$side); rows$couple <- factor(rows$couple)
rows$occasion <- interaction(rows$couple, rows$time, drop = TRUE)

wide <- function(column, at) {  # one row a couple: column0_1, column0_2 … in the order of waves
  slot <- paste0(column, rows$time, "_", rows$side)
  as.data.frame(tapply(rows[[column]], list(rows$couple, slot), function(v) v[1]))
}

growth_sem <- function(waves) {
  at <- seq_len(waves) - 1
  factor_of <- function(name, weights, side) paste0(name, side, " =~ ", paste0(weights, "*y", at, "_", side, collapse = " + "))
  means <- paste0(c("i1", "t1", "i2", "t2"), " ~ 1")
  spread <- c("i1 ~~ i1 + t1 + i2 + t2", "t1 ~~ t1 + i2 + t2", "i2 ~~ i2 + t2", "t2 ~~ t2")
  residual <- paste0("y", at, "_1 ~~ r1*y", at, "_1\ny", at, "_2 ~~ r2*y", at, "_2\ny", at, "_1 ~~ c*y", at, "_2")
  paste(c(factor_of("i", 1, 1), factor_of("t", at, 1), factor_of("i", 1, 2), factor_of("t", at, 2), means, spread, residual),
        collapse = "\n")
}

begun <- proc.time()[["elapsed"]]
fit <- suppressWarnings(switch(paste(engine, model),
  "nlme growth" = lme(y ~ 0 + one + one:time + two + two:time, rows,
    random = list(couple = pdSymm(~ 0 + one + one:time + two + two:time)), weights = varIdent(form = ~ 1 | kind),
    correlation = corCompSymm(form = ~ 1 | couple/occasion), method = "ML",
    control = lmeControl(maxIter = 500, msMaxIter = 1000, msMaxEval = 4000)),
  "glmmTMB growth" = glmmTMB(y ~ 0 + one + one:time + two + two:time +
    us(0 + one + one:time + two + two:time | couple) + us(0 + one + two | occasion), rows, dispformula = ~ 0, REML = FALSE),
  "lavaan growth" = lavaan(growth_sem(length(unique(rows$time))), wide("y"), meanstructure = TRUE,
    missing = if (anyNA(wide("y"))) "ml" else "listwise"),
  "nlme apim" = gls(y ~ 0 + one + one:x + one:x_partner + two + two:x + two:x_partner, rows, method = "ML",
    correlation = corCompSymm(form = ~ 1 | couple), weights = varIdent(form = ~ 1 | kind)),
  "glmmTMB apim" = glmmTMB(y ~ 0 + one + one:x + one:x_partner + two + two:x + two:x_partner + us(0 + kind | couple), rows,
    dispformula = ~ 0, REML = FALSE),
  "lavaan apim" = lavaan("y0_1 ~ 1 + x0_1 + x0_2\ny0_2 ~ 1 + x0_2 + x0_1\ny0_1 ~~ y0_1\ny0_2 ~~ y0_2\ny0_1 ~~ y0_2",
    cbind(wide("y"), wide("x")), meanstructure = TRUE, fixed.x = TRUE)))
took <- proc.time()[["elapsed"]] - begun
cat(took, format(as.numeric(logLik(fit)), digits = 12), "\n")
