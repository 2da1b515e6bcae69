# The invented couples of the golden files. Every number is drawn from a seed and rounded to four places, and the
# file is what the fits read, so that R and Bothwell see the same digits.
#
#   Rscript data.R          writes data/*.csv

set.seed(20260, kind = "Mersenne-Twister", normal.kind = "Inversion", sample.kind = "Rejection")

two <- function(n, sd, r) {  # n draws of both partners' numbers, correlated
  root <- chol(matrix(c(sd[1]^2, r * sd[1] * sd[2], r * sd[1] * sd[2], sd[2]^2), 2))
  matrix(rnorm(2 * n), n) %*% root
}

long <- function(n, roles, columns, waves = 1, time = NULL) {  # columns: name -> (n*waves) x 2
  rows <- data.frame(
    couple = rep(seq_len(n), each = 2 * waves),
    role = rep(roles, n * waves)
  )
  if (waves > 1) rows$wave <- rep(rep(seq_len(waves) - 1, each = 2), n)
  if (!is.null(time)) rows$time <- rep(time, each = 2)
  for (name in names(columns)) rows[[name]] <- as.vector(t(columns[[name]]))
  rows
}

told <- c("treated", "other")  # roles tell them apart
alike <- c("a", "b")           # nothing does

lose <- function(rows, share, column = "y") {
  rows[[column]][runif(nrow(rows)) < share] <- NA
  rows
}

keep <- function(name, rows) {
  rows[] <- lapply(rows, function(each) if (is.numeric(each)) round(each, 4) else each)
  write.csv(rows, file.path("data", paste0(name, ".csv")), row.names = FALSE, quote = FALSE, na = "")
}

# --- one occasion -----------------------------------------------------------------------------------------------------
once <- function(n, roles, r = .4, sd = c(1, 1)) long(n, roles, list(y = 20 + two(n, 4 * sd, r)))

keep("icc_complete", once(60, alike, .5))
keep("icc_missing", lose(once(80, alike, .45), .25))
keep("icc_negative", once(50, alike, -.35))
keep("icc_roles", once(70, told, .3, c(1, 1.5)))

apim <- function(n, roles, actor, partner, sd, r = .35) {
  x <- 10 + two(n, c(3, 2.5), .3)
  age <- 40 + two(n, c(9, 9), .8)
  years <- matrix(rexp(n, 1 / 8), n, 2)
  crossed <- x[, 2:1]
  y <- 12 + sweep(x, 2, actor, "*") + sweep(crossed, 2, partner, "*") + two(n, sd, r)
  long(n, roles, list(x = x, age = age, years = years, y = y))
}

keep("apim_alike", apim(90, alike, c(.4, .4), c(.2, .2), c(2, 2)))
keep("apim_alike_missing", lose(apim(110, alike, c(.4, .4), c(.2, .2), c(2, 2)), .2))
keep("apim_roles", apim(100, told, c(.5, .3), c(.1, .3), c(2, 3)))
keep("apim_roles_missing", lose(apim(120, told, c(.5, .3), c(.1, .3), c(2, 3)), .2))
keep("apim_small", apim(40, told, c(.5, .3), c(.1, .3), c(2, 3), .7))

mediated <- function(n, roles, sd) {
  x <- 10 + two(n, c(3, 3), .3)
  m <- 3 + .5 * x + .2 * x[, 2:1] + two(n, sd, .3)
  y <- 8 - .4 * m - .15 * m[, 2:1] + .2 * x + .1 * x[, 2:1] + two(n, sd, .4)
  long(n, roles, list(x = x, m = m, y = y))
}

keep("mediation_roles", mediated(130, told, c(1.5, 2)))
keep("mediation_alike", mediated(120, alike, c(1.8, 1.8)))

# --- change over time -------------------------------------------------------------------------------------------------
growth <- function(n, waves, roles, level, slope, spread, residual, times = NULL, fade = 0, care = 0) {
  root <- chol(spread)  # order: level 1, slope 1, level 2, slope 2
  arm <- matrix(rbinom(n, 1, .5), n, 2)
  blocks <- lapply(seq_len(n), function(i) {
    u <- as.vector(rnorm(4) %*% root)
    at <- if (is.null(times)) seq_len(waves) - 1 else times(i)
    e <- two(length(at), sqrt(diag(residual)), residual[1, 2] / sqrt(prod(diag(residual))))
    if (fade > 0) for (k in seq_along(at)[-1]) e[k, ] <- fade * e[k - 1, ] + sqrt(1 - fade^2) * e[k, ]
    y <- cbind(level[1] + u[1] + (slope[1] + care * arm[i, 1] + u[2]) * at,
               level[2] + u[3] + (slope[2] + care * arm[i, 2] + u[4]) * at) + e
    data.frame(couple = i, role = rep(roles, length(at)), time = rep(at, each = 2), arm = arm[i, 1], y = as.vector(t(y)))
  })
  do.call(rbind, blocks)
}

apart <- matrix(c(9, -.6, 3, .3,  -.6, .8, .3, .25,  3, .3, 7, -.4,  .3, .25, -.4, .6), 4)
same <- matrix(c(8, -.5, 3, .3,  -.5, .7, .3, .25,  3, .3, 8, -.5,  .3, .25, -.5, .7), 4)
noise <- matrix(c(4, 1, 1, 6), 2)
even <- matrix(c(4, 1.2, 1.2, 4), 2)
uneven <- function(i) sort(round(cumsum(runif(sample(3:7, 1), .3, 1.8)), 2))

keep("growth_complete", growth(120, 5, told, c(18, 14), c(-1.2, -.4), apart, noise))
keep("growth_missing", lose(growth(140, 6, told, c(18, 14), c(-1.2, -.4), apart, noise), .2))
keep("growth_ragged", lose(growth(110, 0, told, c(18, 14), c(-1.2, -.4), apart, noise, uneven), .1))
keep("growth_alike", growth(110, 5, alike, c(16, 16), c(-.8, -.8), same, even))
keep("growth_alike_missing", lose(growth(130, 5, alike, c(16, 16), c(-.8, -.8), same, even), .2))
keep("growth_arm", growth(130, 5, told, c(18, 14), c(-.8, -.4), apart, noise, care = -.7))
keep("growth_fading", growth(120, 7, alike, c(16, 16), c(-.8, -.8), same, even, fade = .45))
gaps <- growth(130, 8, alike, c(16, 16), c(-.8, -.8), same, even, fade = .5)
keep("growth_fading_gaps", gaps[!(interaction(gaps$couple, gaps$time) %in% sample(unique(interaction(gaps$couple, gaps$time)), 200)), ])
keep("growth_boundary", growth(40, 4, told, c(18, 14), c(-1, -.4), diag(c(6, 1e-6, 5, 1e-6)), noise))

echoed <- function(n, waves, roles, own, others, sd, between = 0) {
  blocks <- lapply(seq_len(n), function(i) {
    level <- as.vector(two(1, c(between, between) + 1e-9, .3))
    y <- matrix(NA, waves, 2)
    y[1, ] <- two(1, c(3, 3), .4)
    noise <- two(waves, sd, .3)
    for (k in 2:waves) y[k, ] <- level + own * y[k - 1, ] + others * y[k - 1, 2:1] + noise[k, ]
    data.frame(couple = i, role = rep(roles, waves), wave = rep(seq_len(waves) - 1, each = 2), y = as.vector(t(y + 10)))
  })
  do.call(rbind, blocks)
}

keep("lag_roles", echoed(70, 5, told, c(.5, .35), c(.1, .25), c(2, 2.6)))
keep("lag_alike", echoed(70, 5, alike, c(.45, .45), c(.2, .2), c(2, 2)))
keep("lag_missing", lose(echoed(90, 5, told, c(.5, .35), c(.1, .25), c(2, 2.6)), .12))

diary <- function(n, days, roles, within, partner, sd) {
  blocks <- lapply(seq_len(n), function(i) {
    usual <- two(1, c(1.5, 1.5), .4)
    level <- two(1, c(1.6, 1.9), .5)
    x <- 5 + matrix(usual, days, 2, byrow = TRUE) + two(days, c(1, 1), .3)
    y <- matrix(12 + level, days, 2, byrow = TRUE) + sweep(x, 2, within, "*") + sweep(x[, 2:1], 2, partner, "*") + two(days, sd, .35)
    data.frame(couple = i, role = rep(roles, days), day = rep(seq_len(days) - 1, each = 2), x = as.vector(t(x)), y = as.vector(t(y)))
  })
  do.call(rbind, blocks)
}

keep("diary_roles", diary(60, 8, told, c(-.6, -.4), c(-.1, -.3), c(1.5, 2)))
keep("diary_alike", diary(60, 8, alike, c(-.5, -.5), c(-.2, -.2), c(1.7, 1.7)))
keep("diary_missing", lose(diary(70, 8, told, c(-.6, -.4), c(-.1, -.3), c(1.5, 2)), .15))

# Days on which partners differ in how far y goes with x, too: random slopes. And changes that come one after the other.
sloped <- function(n, days, roles, spread, residual) {
  root <- chol(spread)
  blocks <- lapply(seq_len(n), function(i) {
    u <- as.vector(rnorm(4) %*% root)
    x <- 5 + matrix(two(1, c(1.5, 1.5), .4), days, 2, byrow = TRUE) + two(days, c(1.2, 1.2), .3)
    e <- two(days, sqrt(diag(residual)), residual[1, 2] / sqrt(prod(diag(residual))))
    y <- cbind(12 + u[1] + (-.6 + u[2]) * x[, 1] - .1 * x[, 2], 11 + u[3] + (-.4 + u[4]) * x[, 2] - .2 * x[, 1]) + e
    data.frame(couple = i, role = rep(roles, days), day = rep(seq_len(days) - 1, each = 2), x = as.vector(t(x)), y = as.vector(t(y)))
  })
  do.call(rbind, blocks)
}

keep("diary_slopes", sloped(60, 12, told, apart / 3, noise / 2))

following <- function(n, waves, roles) {
  blocks <- lapply(seq_len(n), function(i) {
    m <- rbind(two(1, c(4, 4), .4) + 15, matrix(NA, waves - 1, 2))
    y <- rbind(two(1, c(5, 5), .5) + 30, matrix(NA, waves - 1, 2))
    for (k in 2:waves) {
      m[k, ] <- 4 + .7 * m[k - 1, ] + two(1, c(2, 2.4), .3)
      turned <- if (k > 2) m[k - 1, ] - m[k - 2, ] else c(0, 0)
      y[k, ] <- 9 + .7 * y[k - 1, ] - .3 * turned - .15 * rev(turned) + two(1, c(2.5, 3), .4)
    }
    data.frame(couple = i, role = rep(roles, waves), wave = rep(seq_len(waves) - 1, each = 2), m = as.vector(t(m)), y = as.vector(t(y)))
  })
  do.call(rbind, blocks)
}

keep("following", lose(following(80, 6, told), .05))

common <- function(n, roles) {
  level <- rnorm(n, 10, 2.5)
  result <- 20 - .8 * level + rnorm(n, 0, 1.5)
  own <- lapply(1:2, function(k) two(n, c(1.5, 1.8), .3))
  long(n, roles, list(x = cbind(level + own[[1]][, 1], level + own[[2]][, 1]), y = cbind(result + own[[1]][, 2], result + own[[2]][, 2])))
}

keep("common_roles", common(140, told))
keep("common_alike", common(140, alike))
