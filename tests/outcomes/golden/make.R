# What R says about the invented couples in data/: one file in results/ a data set, and sources.json with the versions.
# Needed only to make those files again; no test runs R.
#
#   Rscript data.R && (cd ../../.. && python -m tests.outcomes.golden.cases) && Rscript make.R [name … | calls]
#
# Every fit carries: engine, method, log-likelihood, fixed effects with standard errors, and, where the engine has
# them, residual (2 x 2), spread (q x q: level and slope of the first role, then of the second) and the autocorrelation.
# `at_estimates` is the log-likelihood at the engine's own estimates, by full matrices (`dense` below); what the engine
# prints as its log-likelihood differs where it rounds (glmmTMB without a dispersion model: up to 2.5e-4).
# `short_by` is how far `at_estimates` stays below the best that any engine found by the same method: more than 1e-6
# says that this engine stopped early.

suppressMessages({
  library(nlme)
  library(lavaan)
  library(glmmTMB)
  library(jsonlite)
})

tight_gls <- glsControl(tolerance = 1e-11, msTol = 1e-13, maxIter = 500, msMaxIter = 1000)
tight_lme <- lmeControl(tolerance = 1e-11, msTol = 1e-13, maxIter = 500, msMaxIter = 1000, niterEM = 100, msMaxEval = 4000)
tight_sem <- function(tolerance) list(rel.tol = tolerance, eval.max = 5000, iter.max = 5000)

# --- reading ----------------------------------------------------------------------------------------------------------
read <- function(name) {
  rows <- read.csv(file.path("data", paste0(name, ".csv")))
  rows$role <- factor(rows$role)  # in alphabetical order, as Bothwell has them
  rows$side <- as.integer(rows$role)
  rows$one <- ifelse(rows$side == 1, 1, 0)
  rows$two <- 1 - rows$one
  rows
}

with_partner <- function(rows, columns, by = "couple") {  # adds x_partner for x
  other <- rows[, c(by, "side", columns)]
  other$side <- 3 - other$side
  names(other)[-(1:(length(by) + 1))] <- paste0(columns, "_partner")
  merged <- merge(rows, other, by = c(by, "side"), all.x = TRUE)
  merged[do.call(order, merged[, c(by, "side")]), ]
}

wide <- function(rows, columns, at = NULL) {  # one row a couple: y_1, y_2, or y0_1, y0_2, y1_1 …
  rows$slot <- if (is.null(at)) paste0("_", rows$side) else paste0(match(rows[[at]], sort(unique(rows[[at]]))) - 1, "_", rows$side)
  parts <- lapply(columns, function(column) {
    table <- tapply(rows[[column]], list(rows$couple, rows$slot), function(v) v[1])
    colnames(table) <- paste0(column, colnames(table))
    table
  })
  as.data.frame(do.call(cbind, parts))
}

# --- engines ----------------------------------------------------------------------------------------------------------
answer <- function(engine, method, b, se, ll, residual = NULL, spread = NULL, fading = NULL, ...) {
  plain <- function(m) if (is.null(m)) NULL else unname(as.matrix(m))
  Filter(Negate(is.null), list(
    engine = engine, method = method, estimates = as.list(b), standard_errors = as.list(se), log_likelihood = as.numeric(ll),
    residual = plain(residual), spread = plain(spread), autocorrelation = fading, ...))
}

dense <- function(formula, rows, b, r, g = NULL, fading = 0, method = "ML", slope = FALSE) {
  # the log-likelihood at an engine's own estimates, written out couple by couple with full matrices: what an engine
  # prints may carry the rounding of its own way there
  x <- model.matrix(formula, rows)
  y <- rows$y
  z <- if (is.null(g)) NULL else if (slope) cbind(rows$one, rows$one * rows$time, rows$two, rows$two * rows$time) else cbind(rows$one, rows$two)
  time <- if (is.null(rows$time)) rep(0, nrow(rows)) else rows$time
  blocks <- lapply(split(seq_len(nrow(rows)), rows$couple), function(k) {
    v <- r[rows$side[k], rows$side[k], drop = FALSE] *
      (if (fading > 0) fading^abs(outer(time[k], time[k], "-")) else outer(as.character(rows$occasion[k]), as.character(rows$occasion[k]), "=="))
    if (!is.null(z)) v <- v + z[k, , drop = FALSE] %*% g %*% t(z[k, , drop = FALSE])
    w <- solve(v)
    list(xx = t(x[k, , drop = FALSE]) %*% w %*% x[k, , drop = FALSE], xy = t(x[k, , drop = FALSE]) %*% w %*% y[k],
         yy = sum(y[k] * (w %*% y[k])), det = as.numeric(determinant(v)$modulus))
  })
  total <- function(name) Reduce(`+`, lapply(blocks, function(each) each[[name]]))
  xx <- total("xx")
  restricted <- method == "REML"
  if (restricted) b <- solve(xx, total("xy"))
  square <- total("yy") - 2 * sum(b * total("xy")) + sum(b * (xx %*% b))
  -.5 * ((length(y) - restricted * ncol(x)) * log(2 * pi) + total("det") + square +
         if (restricted) as.numeric(determinant(xx)$modulus) else 0)
}

two_by_two <- function(fit, levels) {  # the residual covariance of one occasion
  ratio <- c(1, 1)
  if (!is.null(fit$modelStruct$varStruct)) {
    all <- coef(fit$modelStruct$varStruct, unconstrained = FALSE, allCoef = TRUE)
    ratio <- unname(all[levels])
  }
  rho <- coef(fit$modelStruct$corStruct, unconstrained = FALSE)
  fit$sigma^2 * outer(ratio, ratio) * matrix(c(1, rho, rho, 1), 2)
}

exact_cov <- function(fit) {  # of the fixed effects: inverse of X'V^-1 X, no n/(n-p)
  if (inherits(fit, "lme")) return(fit$varFix)
  rows <- fit$rows_used
  x <- model.matrix(formula(fit), rows)
  v <- two_by_two(fit, fit$levels_used)
  total <- matrix(0, ncol(x), ncol(x))
  for (each in split(seq_len(nrow(x)), rows$occasion)) {
    side <- rows$side[each]
    total <- total + t(x[each, , drop = FALSE]) %*% solve(v[side, side, drop = FALSE], x[each, , drop = FALSE])
  }
  solve(total)
}

by_gls <- function(formula, rows, alike, method, occasion = "couple") {
  rows <- rows[complete.cases(rows[, all.vars(formula)]), ]
  rows$occasion <- do.call(interaction, c(rows[occasion], drop = TRUE))
  rows <- rows[order(rows$occasion, rows$side), ]
  weights <- if (alike) NULL else varIdent(form = ~ 1 | role)
  fit <- do.call(gls, list(formula, rows, correlation = corCompSymm(form = ~ 1 | occasion), weights = weights,
                           method = method, control = tight_gls))
  fit$rows_used <- rows
  fit$levels_used <- levels(rows$role)
  v <- exact_cov(fit)
  dimnames(v) <- list(names(coef(fit)), names(coef(fit)))
  r <- two_by_two(fit, levels(rows$role))
  answer("nlme::gls", method, coef(fit), sqrt(diag(v)), logLik(fit), r, at_estimates = dense(formula, rows, coef(fit), r, method = method))
}

half <- matrix(c(1, 1, 1, -1), 2) / sqrt(2)  # the sum and the difference of two partners

back <- function(s, d) {  # spread of sums and of differences -> of the two partners, level and slope in turn
  q <- nrow(as.matrix(s))
  turn <- kronecker(half, diag(q))
  turn %*% rbind(cbind(s, matrix(0, q, q)), cbind(matrix(0, q, q), d)) %*% turn
}

by_lme <- function(formula, rows, alike, method, effects, occasion = c("couple", "time")) {
  rows <- rows[complete.cases(rows[, all.vars(formula)]), ]
  rows$occasion <- do.call(interaction, c(rows[occasion], drop = TRUE))
  rows <- rows[order(rows$couple, rows$occasion, rows$side), ]
  rows$s <- 1 / sqrt(2)
  rows$d <- ifelse(rows$side == 1, 1, -1) / sqrt(2)
  slope <- length(effects) == 2
  inner <- if (!alike) pdSymm(as.formula(if (slope) "~ 0 + one + one:time + two + two:time" else "~ 0 + one + two"))
    else pdBlocked(lapply(c("s", "d"), function(k) pdSymm(as.formula(if (slope) paste0("~ 0 + ", k, " + ", k, ":time") else paste0("~ 0 + ", k)))))
  weights <- if (alike) NULL else varIdent(form = ~ 1 | role)
  fit <- do.call(lme, list(formula, rows, random = list(couple = inner), correlation = corCompSymm(form = ~ 1 | couple/occasion),
                           weights = weights, method = method, control = tight_lme))
  g <- as.matrix(fit$modelStruct$reStruct[[1]]) * fit$sigma^2
  g <- if (alike) { k <- length(effects); back(g[1:k, 1:k], g[k + 1:k, k + 1:k]) } else {
    order <- if (slope) c("one", "one:time", "two", "time:two") else c("one", "two")
    rownames(g)[rownames(g) == "two:time"] <- "time:two"
    colnames(g) <- rownames(g)
    g[order, order]
  }
  r <- two_by_two(fit, levels(rows$role))
  answer("nlme::lme", method, fixef(fit), sqrt(diag(fit$varFix)), logLik(fit), r, g,
         at_estimates = dense(formula, rows, fixef(fit), r, unname(g), 0, method, slope))
}

by_lme_fading <- function(rows, method) {  # alike, and whole occasions only: sums and differences are two separate series
  split_rows <- split(rows, interaction(rows$couple, rows$time, drop = TRUE))
  turned <- do.call(rbind, lapply(split_rows, function(pair) {
    stopifnot(nrow(pair) == 2, !anyNA(pair$y))
    data.frame(couple = pair$couple[1], time = pair$time[1], kind = c("s", "d"),
               y = as.vector(half %*% pair$y[order(pair$side)]), s = c(1, 0), d = c(0, 1))
  }))
  turned <- turned[order(turned$couple, turned$kind, turned$time), ]
  turned$level <- sqrt(2) * turned$s
  turned$time_s <- turned$level * turned$time
  fit <- lme(y ~ 0 + level + time_s, turned,
             random = list(couple = pdBlocked(list(pdSymm(~ 0 + s + s:time), pdSymm(~ 0 + d + d:time)))),
             correlation = corAR1(form = ~ time | couple/kind), weights = varIdent(form = ~ 1 | kind),
             method = method, control = tight_lme)
  g <- as.matrix(fit$modelStruct$reStruct[[1]]) * fit$sigma^2
  ratio <- coef(fit$modelStruct$varStruct, unconstrained = FALSE, allCoef = TRUE)[c("s", "d")]
  r <- half %*% diag((fit$sigma * ratio)^2) %*% half
  b <- setNames(fixef(fit), c("(Intercept)", "time"))
  g <- back(g[1:2, 1:2], g[3:4, 3:4])
  fading <- as.numeric(coef(fit$modelStruct$corStruct, unconstrained = FALSE))
  answer("nlme::lme", method, b, setNames(sqrt(diag(fit$varFix)), names(b)), logLik(fit), r, g, fading,
         at_estimates = dense(y ~ time, rows, b, r, g, fading, method, TRUE))
}

by_tmb <- function(formula, rows, alike, method, slope, occasion = c("couple", "time")) {
  rows <- rows[complete.cases(rows[, all.vars(formula)]), ]
  rows$occasion <- do.call(interaction, c(rows[occasion], drop = TRUE))
  rows$s <- 1 / sqrt(2)
  rows$d <- ifelse(rows$side == 1, 1, -1) / sqrt(2)
  random <- if (alike && slope) "us(0 + s + s:time | couple) + us(0 + d + d:time | couple) + us(0 + s | occasion) + us(0 + d | occasion)"
    else if (alike) "us(0 + s | couple) + us(0 + d | couple) + us(0 + s | occasion) + us(0 + d | occasion)"
    else if (slope) "us(0 + one + one:time + two + two:time | couple) + us(0 + one + two | occasion)"
    else "us(0 + one + two | couple) + us(0 + one + two | occasion)"
  whole <- as.formula(paste(deparse1(formula), "+", random))
  fit <- suppressWarnings(glmmTMB(whole, rows, dispformula = ~ 0, REML = method == "REML",
                 control = glmmTMBControl(optCtrl = list(iter.max = 5000, eval.max = 5000, rel.tol = 1e-14))))
  g <- VarCorr(fit)$cond
  bare <- function(m) matrix(as.numeric(m), nrow(m), dimnames = dimnames(m))
  if (alike) {
    spread <- back(bare(g[[1]]), bare(g[[2]]))
    r <- half %*% diag(c(g[[3]][1], g[[4]][1])) %*% half
  } else {
    spread <- bare(g[["couple"]])
    if (slope) spread <- spread[c("one", "one:time", "two", "time:two"), c("one", "one:time", "two", "time:two")]
    r <- bare(g[["occasion"]])[c("one", "two"), c("one", "two")]
  }
  # dispformula = ~ 0 leaves a fixed small variance in every answer: it belongs to the residual
  r <- r + diag(sigma(fit)^2, 2)
  answer("glmmTMB", method, fixef(fit)$cond, sqrt(diag(vcov(fit)$cond)), -fit$fit$objective, r, spread,
         at_estimates = dense(formula, rows, fixef(fit)$cond, r, unname(spread), 0, method, slope))
}

by_lavaan <- function(model, table, map, information = "expected", missing = "listwise", residual = NULL, spread = NULL, others = NULL) {
  for (tolerance in c(1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10)) {  # the tightest at which its optimiser still says it is done
    fit <- suppressWarnings(lavaan(model, table, meanstructure = TRUE, fixed.x = TRUE, missing = missing,
                                   information = information, observed.information = "hessian",
                                   control = tight_sem(tolerance), estimator = "ML", check.gradient = FALSE))
    if (lavInspect(fit, "converged")) break
  }
  stopifnot(lavInspect(fit, "converged"))
  found <- parameterEstimates(fit)
  value <- function(label) found$est[match(label, ifelse(found$label == "", found$lhs, found$label))]
  error <- function(label) found$se[match(label, found$label)]
  square <- function(labels) matrix(value(labels), sqrt(length(labels)))
  square_errors <- function(labels) unname(matrix(error(labels), sqrt(length(labels))))
  b <- vapply(map, value, 0)
  answer("lavaan", "ML", setNames(b, names(map)), setNames(vapply(map, error, 0), names(map)), fitMeasures(fit, "logl"),
         if (!is.null(residual)) square(residual), if (!is.null(spread)) square(spread),
         residual_errors = if (!is.null(residual)) square_errors(residual), spread_errors = if (!is.null(spread)) square_errors(spread),
         information = information, tolerance = tolerance, others = if (!is.null(others)) as.list(setNames(vapply(others, value, 0), others)),
         others_errors = if (!is.null(others)) as.list(setNames(vapply(others, error, 0), others)))
}

# --- structural models ------------------------------------------------------------------------------------------------
apim_model <- function(alike) {
  k <- function(name) if (alike) paste0(name, "*") else paste0(name, c("1", "2"), "*")
  paste0(c("y_1 ~ ", "y_2 ~ "), k("l"), "1 + ", k("a"), c("x_1", "x_2"), " + ", k("p"), c("x_2", "x_1"), "\n",
         c("y_1", "y_2"), " ~~ ", if (alike) "v*" else c("v1*", "v2*"), c("y_1", "y_2"), c("\ny_1 ~~ c*y_2", ""), collapse = "\n")
}

mediation_model <- function(alike) {
  k <- function(name) if (alike) paste0(name, c("", "")) else paste0(name, c("1", "2"))
  line <- function(side) {
    o <- 3 - side
    paste0("m_", side, " ~ ", k("ml")[side], "*1 + ", k("aa")[side], "*x_", side, " + ", k("ap")[side], "*x_", o, "\n",
           "y_", side, " ~ ", k("yl")[side], "*1 + ", k("ba")[side], "*m_", side, " + ", k("bp")[side], "*m_", o, " + ",
           k("ca")[side], "*x_", side, " + ", k("cp")[side], "*x_", o, "\n",
           "m_", side, " ~~ ", k("mv")[side], "*m_", side, "\ny_", side, " ~~ ", k("yv")[side], "*y_", side)
  }
  sides <- if (alike) "" else c("1", "2")
  indirect <- unlist(lapply(sides, function(i) {
    o <- if (alike) "" else if (i == "1") "2" else "1"
    c(paste0("AA", i, " := aa", i, "*ba", i), paste0("PP", i, " := ap", o, "*bp", i),
      paste0("AP", i, " := aa", o, "*bp", i), paste0("PA", i, " := ap", i, "*ba", i))
  }))
  paste(c(line(1), line(2), "m_1 ~~ mc*m_2", "y_1 ~~ yc*y_2", indirect), collapse = "\n")
}

common_model <- function(alike) {
  k <- function(name, side) if (alike) name else paste0(name, side)
  own <- vapply(1:2, function(i) paste0("x_", i, " ~~ ", k("xv", i), "*x_", i, "\ny_", i, " ~~ ", k("yv", i), "*y_", i,
                                        "\nx_", i, " ~~ ", k("xy", i), "*y_", i), "")
  paste(c("X =~ 1*x_1 + 1*x_2", "Y =~ 1*y_1 + 1*y_2", "Y ~ slope*X", "X ~~ start(4)*X + levels*X", "Y ~~ start(2)*Y + unexplained*Y", own,
          paste0(c("x_1", "x_2", "y_1", "y_2"), " ~ ", if (alike) c("mx", "mx", "my", "my") else c("mx1", "mx2", "my1", "my2"), "*1")),
        collapse = "\n")
}

growth_model <- function(waves, alike, arm = FALSE) {
  at <- seq_len(waves) - 1
  sum_of <- function(name, weights, side) paste0(name, side, " =~ ", paste0(weights, "*y", at, "_", side, collapse = " + "))
  loadings <- c(sum_of("i", 1, 1), sum_of("t", at, 1), sum_of("i", 1, 2), sum_of("t", at, 2))
  names <- c("i1", "t1", "i2", "t2")
  label <- if (alike) matrix(c("gii", "git", "gxi", "gxc", "git", "gtt", "gxc", "gxt", "gxi", "gxc", "gii", "git", "gxc", "gxt", "git", "gtt"), 4)
    else outer(1:4, 1:4, function(a, b) paste0("g", pmin(a, b), pmax(a, b)))
  spreads <- unlist(lapply(1:4, function(a) lapply(a:4, function(b) paste0(names[a], " ~~ ", label[a, b], "*", names[b]))))
  r <- if (alike) c("r1", "r12", "r1") else c("r1", "r12", "r2")
  residuals <- paste0("y", at, "_1 ~~ ", r[1], "*y", at, "_1\ny", at, "_2 ~~ ", r[3], "*y", at, "_2\ny", at, "_1 ~~ ", r[2], "*y", at, "_2")
  b <- if (alike) c("level", "slope", "level", "slope") else c("level1", "slope1", "level2", "slope2")
  means <- paste0(names, " ~ ", b, "*1", if (arm) paste0(" + ", c("la1", "sa1", "la2", "sa2"), "*arm_1") else "")
  paste(c(loadings, spreads, residuals, means), collapse = "\n")
}

growth_labels <- function(alike) list(
  residual = if (alike) c("r1", "r12", "r12", "r1") else c("r1", "r12", "r12", "r2"),
  spread = if (alike) c("gii", "git", "gxi", "gxc", "git", "gtt", "gxc", "gxt", "gxi", "gxc", "gii", "git", "gxc", "gxt", "git", "gtt")
    else as.vector(outer(1:4, 1:4, function(a, b) paste0("g", pmin(a, b), pmax(a, b)))))

# --- the data sets ----------------------------------------------------------------------------------------------------
both <- function(f) list(f("ML"), f("REML"))
icc <- function(name, alike) both(function(m) by_gls(if (alike) y ~ 1 else y ~ 0 + one + two, read(name), alike, m))

apim_formula <- function(alike) if (alike) y ~ x + x_partner else y ~ 0 + one + two + one:x + two:x + one:x_partner + two:x_partner
apim_map <- function(alike) if (alike) c(`(Intercept)` = "l", x = "a", x_partner = "p") else
  c(one = "l1", two = "l2", `one:x` = "a1", `two:x` = "a2", `one:x_partner` = "p1", `two:x_partner` = "p2")
sem_residual <- function(alike) if (alike) c("v", "c", "c", "v") else c("v1", "c", "c", "v2")

apim <- function(name, alike, formula = apim_formula(alike), sem = TRUE, missing = "listwise") {
  rows <- with_partner(read(name), c("x", "age"))
  fits <- both(function(m) by_gls(formula, rows, alike, m))
  if (!sem) return(fits)
  c(fits, list(by_lavaan(apim_model(alike), wide(rows, c("x", "y")), apim_map(alike), if (missing == "listwise") "expected" else "observed",
                         missing, sem_residual(alike))))
}

mediation <- function(name, alike) {
  labels <- c("ml", "yl", "aa", "ap", "ba", "bp", "ca", "cp", "AA", "PP", "AP", "PA")
  labels <- if (alike) labels else as.vector(outer(labels, 1:2, paste0))
  list(by_lavaan(mediation_model(alike), wide(read(name), c("x", "m", "y")), setNames(labels, labels),
                 others = if (alike) c("mv", "mc", "yv", "yc") else c("mv1", "mv2", "mc", "yv1", "yv2", "yc")))
}

common <- function(name, alike) {
  labels <- c("slope", "levels", "unexplained")
  list(by_lavaan(common_model(alike), wide(read(name), c("x", "y")), setNames(labels, labels)))
}

growth_formula <- function(alike) if (alike) y ~ time else y ~ 0 + one + two + one:time + two:time
growth_map <- function(alike) if (alike) c(`(Intercept)` = "level", time = "slope") else
  c(one = "level1", two = "level2", `one:time` = "slope1", `two:time` = "slope2")

growth <- function(name, alike, sem = NULL, formula = growth_formula(alike), map = growth_map(alike), arm = FALSE, slow = TRUE) {
  rows <- read(name)
  fits <- c(both(function(m) by_lme(formula, rows, alike, m, c("level", "slope"))),
            if (slow) both(function(m) by_tmb(formula, rows, alike, m, TRUE)))
  if (is.null(sem)) return(fits)
  labels <- growth_labels(alike)
  table <- wide(rows, "y", "time")
  if (arm) table$arm_1 <- rows$arm[match(rownames(table), rows$couple)]
  c(fits, list(by_lavaan(growth_model(length(unique(rows$time)), alike, arm), table, map,
                         if (sem == "listwise") "expected" else "observed", sem, labels$residual, labels$spread)))
}

earlier <- function(rows) {  # own and partner's answer one wave before; the first wave is no outcome
  before <- rows[, c("couple", "side", "wave", "y")]
  before$wave <- before$wave + 1
  own <- merge(rows, setNames(before, c("couple", "side", "wave", "y_before")), all.x = TRUE)
  before$side <- 3 - before$side
  merge(own, setNames(before, c("couple", "side", "wave", "y_before_partner")), all.x = TRUE)
}

lag <- function(name, alike) {
  formula <- if (alike) y ~ y_before + y_before_partner else
    y ~ 0 + one + two + one:y_before + two:y_before + one:y_before_partner + two:y_before_partner
  both(function(m) by_gls(formula, earlier(read(name)), alike, m, c("couple", "wave")))
}

split_within <- function(rows) {  # usual level over the days, and each day's distance from it
  rows$x_usual <- ave(rows$x, rows$couple, rows$side)
  rows$x_today <- rows$x - rows$x_usual
  with_partner(rows, c("x_usual", "x_today"), c("couple", "day"))
}

day_by_day <- function(name, alike) {
  formula <- if (alike) y ~ x_today + x_today_partner + x_usual + x_usual_partner else
    y ~ 0 + one + two + one:x_today + two:x_today + one:x_today_partner + two:x_today_partner +
      one:x_usual + two:x_usual + one:x_usual_partner + two:x_usual_partner
  rows <- split_within(read(name))
  both(function(m) by_lme(formula, rows, alike, m, "level", c("couple", "day"))) |>
    c(both(function(m) by_tmb(formula, rows, alike, m, FALSE, c("couple", "day"))))
}

covariate <- function(alike) if (alike) y ~ x + x_partner + age + years else
  y ~ 0 + one + two + one:x + two:x + one:x_partner + two:x_partner + one:age + two:age + one:years + two:years
moderated <- function(alike) if (alike) y ~ x + x_partner + years + x:years + x_partner:years else
  y ~ 0 + one + two + one:x + two:x + one:x_partner + two:x_partner + one:years + two:years +
    one:x:years + two:x:years + one:x_partner:years + two:x_partner:years
arm_formula <- y ~ 0 + one + two + one:time + two:time + one:arm + two:arm + one:time:arm + two:time:arm
arm_map <- c(growth_map(FALSE), `one:arm` = "la1", `two:arm` = "la2", `one:time:arm` = "sa1", `two:time:arm` = "sa2")

following <- function(name) {  # the other's change first, then one's own: outcome's change on the mediator's earlier change
  rows <- read(name)
  at <- function(column, back, side) rows[[column]][match(paste(rows$couple, rows$wave - back, side), paste(rows$couple, rows$wave, rows$side))]
  for (whose in c("own", "partner")) {
    side <- if (whose == "own") rows$side else 3 - rows$side
    rows[[paste0("turn_", whose)]] <- at("m", 1, side) - at("m", 2, side)
    rows[[paste0("m_", whose)]] <- at("m", 2, side)
    rows[[paste0("y_", whose)]] <- at("y", 1, side)
  }
  rows$y <- rows$y - rows$y_own
  formula <- y ~ 0 + role + role:turn_own + role:turn_partner + role:m_own + role:m_partner + role:y_own + role:y_partner
  both(function(m) by_gls(formula, rows, FALSE, m, c("couple", "wave")))
}

slopes <- function(name) {
  rows <- split_within(read(name))
  rows$time <- rows$x_today  # what the slopes are of
  formula <- y ~ 0 + one + two + one:x_today + two:x_today + one:x_today_partner + two:x_today_partner +
    one:x_usual + two:x_usual + one:x_usual_partner + two:x_usual_partner
  c(both(function(m) by_lme(formula, rows, FALSE, m, c("level", "slope"), c("couple", "day"))),
    both(function(m) by_tmb(formula, rows, FALSE, m, TRUE, c("couple", "day"))))
}

halves <- function(name) {  # the couple's mean and the partners' difference, one ordinary regression each
  table <- wide(read(name), c("x", "y"))
  mean_of <- function(v) (table[[paste0(v, "_1")]] + table[[paste0(v, "_2")]]) / 2
  gap_of <- function(v) table[[paste0(v, "_1")]] - table[[paste0(v, "_2")]]
  means <- lm(mean_of("y") ~ x, data.frame(x = mean_of("x")))
  gaps <- lm(gap_of("y") ~ x, data.frame(x = gap_of("x")))
  through <- lm(gap_of("y") ~ 0 + x, data.frame(x = gap_of("x")))
  crossed <- data.frame(x = mean_of("x"), gap = gap_of("x"))
  one <- function(part, fit) answer(paste0("lm, ", part), "OLS", coef(fit), sqrt(diag(vcov(fit))), logLik(fit))
  list(one("mean", means), one("difference", gaps), one("difference through zero", through),
       one("mean on both", lm(mean_of("y") ~ x + gap, crossed)), one("difference on both", lm(gap_of("y") ~ x + gap, crossed)))
}

cases <- list(
  icc_complete = function() icc("icc_complete", TRUE),
  icc_missing = function() icc("icc_missing", TRUE),
  icc_negative = function() icc("icc_negative", TRUE),
  icc_roles = function() icc("icc_roles", FALSE),
  apim_alike = function() apim("apim_alike", TRUE),
  apim_alike_missing = function() apim("apim_alike_missing", TRUE, missing = "fiml"),
  apim_roles = function() apim("apim_roles", FALSE),
  apim_roles_missing = function() apim("apim_roles_missing", FALSE, missing = "fiml"),
  apim_small = function() apim("apim_small", FALSE),
  apim_alike_covariates = function() apim("apim_alike", TRUE, covariate(TRUE), FALSE),
  apim_roles_covariates = function() apim("apim_roles", FALSE, covariate(FALSE), FALSE),
  apim_alike_moderated = function() apim("apim_alike_missing", TRUE, moderated(TRUE), FALSE),
  apim_roles_moderated = function() apim("apim_roles_missing", FALSE, moderated(FALSE), FALSE),
  halves_alike = function() halves("apim_alike"),
  halves_roles = function() halves("apim_roles"),
  mediation_roles = function() mediation("mediation_roles", FALSE),
  mediation_alike = function() mediation("mediation_alike", TRUE),
  growth_complete = function() growth("growth_complete", FALSE, "listwise"),
  growth_missing = function() growth("growth_missing", FALSE, "fiml"),
  growth_ragged = function() growth("growth_ragged", FALSE),
  growth_alike = function() growth("growth_alike", TRUE, "listwise"),
  growth_alike_missing = function() growth("growth_alike_missing", TRUE, "fiml"),
  growth_arm = function() growth("growth_arm", FALSE, "listwise", arm_formula, arm_map, TRUE),
  growth_fading = function() both(function(m) by_lme_fading(read("growth_fading"), m)),
  growth_fading_gaps = function() both(function(m) by_lme_fading(read("growth_fading_gaps"), m)),
  growth_boundary = function() growth("growth_boundary", FALSE),
  lag_roles = function() lag("lag_roles", FALSE),
  lag_alike = function() lag("lag_alike", TRUE),
  lag_missing = function() lag("lag_missing", FALSE),
  diary_roles = function() day_by_day("diary_roles", FALSE),
  diary_alike = function() day_by_day("diary_alike", TRUE),
  diary_missing = function() day_by_day("diary_missing", FALSE),
  diary_slopes = function() slopes("diary_slopes"),
  following = function() following("following"),
  common_roles = function() common("common_roles", FALSE),
  common_alike = function() common("common_alike", TRUE)
)

short_by <- function(fits) {
  reached <- vapply(fits, function(f) if (is.null(f$at_estimates)) f$log_likelihood else f$at_estimates, 0)
  best <- tapply(reached, vapply(fits, function(f) f$method, ""), max)
  Map(function(f, here) c(f, list(short_by = max(0, best[[f$method]] - here))), fits, reached)
}

wanted <- commandArgs(trailingOnly = TRUE)
for (name in if (identical(wanted, "calls")) NULL else if (length(wanted)) wanted else names(cases)) {
  started <- Sys.time()
  fits <- cases[[name]]()
  if (!startsWith(name, "halves")) fits <- short_by(fits)
  write_json(fits, file.path("results", paste0(name, ".json")), digits = I(15), auto_unbox = TRUE, pretty = TRUE, na = "null")
  cat(sprintf("%-24s %5.1f s  %s\n", name, as.numeric(Sys.time() - started, units = "secs"),
              paste(vapply(fits, function(f) sprintf("%s %s %.7f", f$engine, f$method, f$log_likelihood), ""), collapse = " | ")))
}
# The scripts in calls/ are what Bothwell writes as the R-equivalent call of each question: they are run as they stand.
called <- function(script, data) {
  room <- new.env()
  lines <- sub("read.csv(\"data.csv\"", sprintf("read.csv(\"data/%s.csv\"", data), readLines(script), fixed = TRUE)
  eval(parse(text = lines[lines != "summary(fit)"]), room)
  fit <- room$fit
  b <- if (inherits(fit, "lme")) fixef(fit) else coef(fit)
  list(log_likelihood = as.numeric(logLik(fit)), estimates = sort(unname(b)))
}
if (!length(wanted) || identical(wanted, "calls")) {
  scripts <- sort(list.files("calls", "[.]R$"))
  data_of <- function(script) sub("^# data: ", "", readLines(file.path("calls", script), 1))
  calls <- lapply(scripts, function(script) called(file.path("calls", script), data_of(script)))
  write_json(setNames(calls, sub("[.]R$", "", scripts)), "results/calls.json", digits = I(12), auto_unbox = TRUE, pretty = TRUE)
}
versions <- vapply(c("nlme", "lavaan", "glmmTMB"), function(p) as.character(packageVersion(p)), "")
write_json(c(R = paste0(R.version$major, ".", R.version$minor), as.list(versions)), "results/sources.json", auto_unbox = TRUE, pretty = TRUE)
