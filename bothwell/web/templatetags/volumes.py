"""Volumes and amounts as they are read aloud: 0.68 mL, 34.00 mg, 50 mg/mL."""

from django import template

from bothwell.dosing import ledger

register = template.Library()


@register.filter
def ml(volume_ul: int | None) -> str:
    """µL as mL, without the unit; nothing for nothing."""
    return "" if volume_ul is None else ledger.ml(volume_ul)


@register.filter
def mg(amount_ug: int | None) -> str:
    """µg as mg, without the unit."""
    return "" if amount_ug is None else ledger.mg(amount_ug)


@register.filter
def strength(ug_per_ml: int) -> str:
    """A concentration with its unit."""
    return f"{ug_per_ml / 1000:g} mg/mL"


@register.filter
def signed_ml(volume_ul: int) -> str:
    """A difference in mL with its sign."""
    return f"{'+' if volume_ul > 0 else '−'}{ledger.ml(abs(volume_ul))}"
