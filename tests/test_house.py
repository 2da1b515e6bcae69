"""The walls: what `ARCHITECTURE.md` claims, asserted."""

import ast
import re
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "bothwell"
SLICES = (
    "couples",
    "privacy",
    "instruments",
    "pathway",
    "enrolment",
    "dosing",
    "monitoring",
    "integration",
    "messaging",
    "records",
    "outcomes",
)
# Only these know Django: models, actions (the feed's and the watch's among them), the door and what keeps it.
WORLDLY = re.compile(
    r"(^|\.)(models|\w*actions|feed|held|ticking|watch|door|policies|checks|audit|shelf|due)$"
)


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("bothwell", include_external_packages=True)


def pure_modules() -> list[str]:
    return [
        f"bothwell.{slice_}.{path.stem}"
        for slice_ in SLICES
        for path in sorted((PACKAGE / slice_).glob("*.py"))
        if path.stem != "__init__" and not WORLDLY.search(path.stem)
    ]


@pytest.mark.parametrize("module", pure_modules())
@pytest.mark.parametrize("outside", ["django", "psycopg", "procrastinate", "allauth"])
def test_rules_know_no_framework_not_even_through_others(
    graph: grimp.ImportGraph, module: str, outside: str
) -> None:
    if outside in graph.modules:
        assert graph.find_shortest_chain(module, outside) is None


def test_every_package_marker_is_empty() -> None:
    assert [str(path) for path in PACKAGE.rglob("__init__.py") if path.read_text().strip()] == []


def test_no_module_is_named_after_nothing() -> None:
    vague = {"utils", "helpers", "common", "core", "base", "misc"}
    assert [str(p) for p in PACKAGE.rglob("*.py") if p.stem in vague] == []


def test_no_whole_row_is_saved_over_another() -> None:
    """`save()` rewrites columns that somebody else has just changed; only first inserts may use it."""
    careless = []
    for path in PACKAGE.rglob("*.py"):
        if "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "save"
            ):
                names = {keyword.arg for keyword in node.keywords}
                if "force_insert" not in names and "update_fields" not in names and not _is_ours(node):
                    careless.append(f"{path.name}:{node.lineno}")
    assert careless == []


def _is_ours(node: ast.Call) -> bool:
    """`backup.save(...)` writes a file, not a row."""
    return (
        isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "backup"
    )


def test_templates_keep_the_content_security_policy() -> None:
    """No inline script, no inline style, no handler attribute."""
    forbidden = re.compile(r"<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=|hx-on|javascript:", re.IGNORECASE)
    found = []
    for path in (PACKAGE / "web" / "templates").rglob("*.html"):
        text = re.sub(r"{#.*?#}|{% comment.*?endcomment %}", "", path.read_text(), flags=re.DOTALL)
        text = re.sub(r"<script[^>]*type=\"application/json\"", "<json", text)
        found += [f"{path.name}: {match.group(0)!r}" for match in forbidden.finditer(text)]
    assert found == []


def test_each_slice_and_edge_in_the_architecture_exists_and_the_other_way_round() -> None:
    named = set(re.findall(r"^(\w+)/ ", (ROOT / "ARCHITECTURE.md").read_text(), flags=re.MULTILINE))
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert named == folders - {"management", "migrations"}


def test_bothwell_speaks_of_itself_alone() -> None:
    """No path of one machine and no registry's host in what is kept."""
    hosts = re.compile(
        "|".join(["files.python" + "hosted", "registry.npm" + "js", "pypi" + r"\.org/simple", "/wo" + "rk/"])
    )
    kept = [
        path
        for pattern in (
            "**/*.py",
            "**/*.md",
            "**/*.toml",
            "**/*.json",
            "**/*.lock",
            "**/*.html",
            "**/*.js",
            "**/*.css",
        )
        for path in ROOT.glob(pattern)
        if not {".venv", "node_modules", "var", "vendor", ".git"} & set(path.relative_to(ROOT).parts)
    ]
    assert len(kept) > 50
    assert [str(path) for path in kept if hosts.search(path.read_text(errors="replace"))] == []


def test_every_apostrophe_of_a_page_is_the_same() -> None:
    """The curly one. Straight ones stand in tags, code and comments."""
    straight = []
    for path in (PACKAGE / "web" / "templates").rglob("*.html"):
        text = re.sub(r"{#.*?#}|{% comment.*?endcomment %}", "", path.read_text(), flags=re.DOTALL)
        straight += [f"{path.name}: {found[0]}" for found in re.finditer(r"\w+'(?=\w|\s)\w*", text)]
    assert straight == []


def test_the_badge_of_the_safety_circle_stands_on_its_own_pages_alone() -> None:
    pages = PACKAGE / "web" / "templates"
    wearing = {path.parent.name for path in pages.rglob("*.html") if 'circle="safety"' in path.read_text()}
    assert wearing == {"safety"}


def test_what_keeps_focus_clear_of_the_bar_stands_on_what_scrolls() -> None:
    """`scroll-padding` works on what scrolls, the root and an open sheet: on `body` it is read and does nothing."""
    styles = (PACKAGE / "web" / "static" / "bothwell").glob("*.css")
    rules = [
        found[1].strip()
        for path in styles
        for found in re.finditer(r"([^{}]*){[^{}]*scroll-padding", path.read_text())
    ]
    selectors = [rule.rpartition("*/")[2].strip() for rule in rules]
    assert selectors and all(each.startswith("html") or each.endswith(".sheet") for each in selectors)
    assert "html:has(.has-nav)" in selectors
