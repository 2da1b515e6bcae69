"""The breakdown products in the papers' models, put together from the same curves: drawn nowhere, checked all the same."""

from bothwell.monitoring.expected_models import (
    AN_HOUR,
    LIVER,
    NG_PER_ML,
    OTTO,
    PEREZ_RUIXO,
    SIMONS,
    Way,
    otto_body,
    perez_ruixo_body,
    simons_body,
)
from bothwell.monitoring.exponentials import Body, Curve, Side, depot


def two(central_l: float, tissue_l: float, between_l_per_min: float, out_l_per_min: float) -> Curve:
    """The amount in blood of something with two compartments after one unit of it was formed."""
    side = Side(between_l_per_min / central_l, between_l_per_min / tissue_l)
    return Body(out_l_per_min / central_l, (side,)).in_blood()


def chain(minutes: float) -> Curve:
    """Two compartments in a row through which something takes so long on the average.

    They are told apart by a thousandth either way, which moves no value by more than a millionth: two chains of
    equal compartments, one after the other, have no closed form that keeps its digits.
    """
    return depot(2 / minutes * 1.001).through(depot(2 / minutes * 0.999))


def otto(weight_kg: float = 70.0) -> Way:
    """S-norketamine (ng/mL) from one mg of S-ketamine into a vein."""
    body, _ = otto_body(OTTO.parameters, weight_kg)
    of = OTTO.told["metabolites"]
    formed = body.in_blood().times(body.lost)
    held = two(of["v_l"], of["vp_l"], of["q_l_per_h"] / AN_HOUR, of["cl_l_per_h"] / AN_HOUR)
    return Way(formed.through(held).times(NG_PER_ML / of["v_l"]))


def simons(from_film: bool) -> tuple[tuple[Way, ...], tuple[Way, ...]]:
    """S-norketamine and S-hydroxynorketamine (ng/mL as S-ketamine) from one mg by film, or into a vein; 70 kg."""
    of, more = SIMONS.parameters, SIMONS.told["metabolites"]
    body, volume = simons_body(of, 70.0)
    broken_down = body.in_blood().times(body.lost)
    if from_film:
        mouth = depot(of["ka1_per_min"]).through(broken_down)
        swallowed = depot(more["ka2_per_min"]).through(depot(1 / more["transit_gut_min"]))
        into = [(mouth, of["f1"], of["d1_min"]), (swallowed, more["f2"], more["d2_min"])]
    else:
        into = [(broken_down, 1.0, 0.0)]
    nor_held = two(volume, more["vn2_l"], more["cln2_l_per_min"], more["cln1_l_per_min"])
    hydroxy_held = two(more["vh1_l"], more["vh2_l"], more["clh2_l_per_min"], more["clh1_l_per_min"])
    nor, hydroxy = [], []
    for curve, share, over in into:
        amount = curve.through(chain(more["transit_k_min"])).through(nor_held).times(more["fraction_k"])
        onward = amount.times(more["cln1_l_per_min"] / volume).through(chain(more["transit_n_min"]))
        nor.append(Way(amount.times(NG_PER_ML / volume), share, over))
        hydroxy.append(
            Way(
                onward.through(hydroxy_held).times(more["fraction_n"] * NG_PER_ML / more["vh1_l"]),
                share,
                over,
            )
        )
    return tuple(nor), tuple(hydroxy)


def perez_ruixo(age_years: float, frn: float, kel: float = 1.0, cln: float = 1.0) -> tuple[Way, Way]:
    """Noresketamine (ng/mL) from one mg in the nose, by its two ways; `frn` goes through the nose."""
    of = dict(PEREZ_RUIXO.parameters)
    more = PEREZ_RUIXO.told["metabolites"]
    of["kel_per_h"] *= kel
    body = perez_ruixo_body(of, age_years)
    held = two(
        more["vcn_l"], more["vpn_l"], more["q3_l_per_h"] / AN_HOUR, more["cln_l_per_h"] * cln / AN_HOUR
    )

    def noresketamine(in_liver: Curve, ka_per_h: float) -> Curve:
        formed = depot(ka_per_h / AN_HOUR).through(in_liver).times(of["kmet_per_h"] / AN_HOUR)
        return formed.through(held).times(NG_PER_ML / more["vcn_l"])

    return (
        Way(noresketamine(body.in_side(LIVER), of["ka_n_per_h"]), frn),
        Way(
            noresketamine(body.in_side_from(LIVER), of["ka_sw_per_h"]),
            (1 - frn) * of["f_gut"],
            of["d_sw_h"] * AN_HOUR,
        ),
    )
