"""No invented figure, no machine's own path and no package index stands in what people read and install."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from house.source_tree import APP, ROOT, app_files, engine_files

MOST_LINES = 400

# Figures and claims that nothing measured. A measured rate may well come out at 98.5 %: that one is computed.
# A number must stand alone: 0.3, 130% and 30-second are other numbers.
INVENTED = {
    "response time": r"\b245\s?ms\b",
    "success rate": r"(?<![\d.,])98\.5\s?%",
    "error rate": r"(?<![\d.,])1\.5\s?%",
    "data quality": r"(?<![\d.,])99\.2\s?%",
    "throughput": r"(?<![\d.,])1[,_]?250\s+records",
    "queue": r"(?<![\d.,])0 pending\b",
    "campaigns": r"(?<![\d.,])2 campaigns running\b",
    "time saved": r"(?<![\d.,])15\s?(?:-|\u2013|to)\s?20\s+hours",
    "response within": r"\bunder (?:2|two) minutes\b",
    "scalability": r"(?<![\w.,])10\s?[x\u00d7](?!\w)",
    "lead time": r"(?<![\w.,])30%(?![}\w])",
    "effectiveness": r"(?<![\w.,])25%(?![}\w])",
    "incident response": r"\b15[- ]minutes?\b.{0,20}\bSLA\b|\bSLA\b.{0,20}\b15[- ]min",
    "maintenance, HubSpot": r"\bfirst sunday\b",
    "maintenance, Stripe": r"\bsecond tuesday\b",
    "maintenance, Mailchimp": r"\bthird wednesday\b",
    "maintenance, Analytics": r"\bno scheduled downtime\b",
    "maintenance, hours": r"\b\d{1,2}:00\s?(?:-|\u2013)\s?\d{1,2}:00\s?AM\s+EST\b",
    "marketplace": r"\b(?:popularity|rating|install_?count)\b[\"']?(?:\s*:\s*\w+)?\s*[:=]\s*[\"']?\d",
    "certificates": r"\bPCI[- ]DSS\W+(?:and\s+)?GDPR\b",
    "transport": r"\bTLS\s?1\.3\b",
    "breadth": r"\bhundreds of (?:\w+ )?services\b",
}

# Vendors rate their own things (Mailchimp: a member's activity); ours are not rated.
VENDORS_OWN = {"marketplace": ("newfuse/connectors/", "newfuse/sandbox/")}

STYLE_SHEET = re.compile(r"<style\b.*?</style>|\bstyle=\"[^\"]*\"", re.DOTALL | re.IGNORECASE)

SKIPPED_FOLDERS = {"__pycache__", "build", "dist", "reports", "node_modules"}

# A path of one machine: a home folder or a workplace at the root of the file system, not a part of a URL.
MACHINE_PATH = re.compile(r"(?<![\w.:/>)}\]-])/(?:home|root|work|Users)/\w")
PACKAGE_INDEX = re.compile(
    r"--(?:extra-)?index-url\b|--find[-]links\b|\bpypi\.(?:org|python\.org)/simple|\bfiles\.pythonhosted\.org"
    r"|_INDEX_URL\s*=|\bregistry\.npmjs\.org"
)


def shipped_texts() -> list[Path]:
    """List what ends up before a person or a model: sources and templates of the engine and the app."""
    kinds = {".j2", ".jinja", ".md", ".html", ".txt", ".json", ".toml", ".yaml", ".yml"}
    folders = [ROOT / "newfuse", *(ROOT / folder for folder in APP)]
    others = [path for folder in folders for path in folder.rglob("*") if path.suffix in kinds]
    return sorted([*engine_files(), *app_files(), *others])


def repository_texts() -> list[Path]:
    """List every text file of the repository, less what tools and runs leave behind."""
    found = []
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        hidden = any(part.startswith(".") and part not in {".ci", ".gitignore"} for part in parts)
        if hidden or SKIPPED_FOLDERS.intersection(parts) or path.name == "uv.lock" or not path.is_file():
            continue
        if b"\0" not in path.read_bytes()[:1024]:
            found.append(path)
    return sorted(found)


def places(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    """Return `file:line: text` for every match."""
    found = []
    for path in paths:
        text = STYLE_SHEET.sub(lambda sheet: "\n" * sheet[0].count("\n"), path.read_text(encoding="utf-8"))
        for number, line in enumerate(text.splitlines(), start=1):
            if pattern.search(line):
                found.append(f"{path.relative_to(ROOT).as_posix()}:{number}: {line.strip()[:120]}")
    return found


@pytest.mark.parametrize("claim", INVENTED)
def test_no_invented_figure_is_written(claim: str):
    texts = shipped_texts()
    assert texts
    found = places(re.compile(INVENTED[claim], re.IGNORECASE), texts)
    assert [] == [place for place in found if not place.startswith(VENDORS_OWN.get(claim, ("/",)))]


@pytest.mark.parametrize(
    ("claim", "text"),
    [
        ("response time", "- **API Response Times:** Average 245ms"),
        ("success rate", "98.5% payment processing success rate"),
        ("error rate", "Error Rate (24h): 1.5%"),
        ("data quality", "• 99.2% data accuracy"),
        ("throughput", "1,250 records/hour"),
        ("queue", "Processing (Queue: 0 pending)"),
        ("campaigns", "Active (2 campaigns running)"),
        ("time saved", "15-20 hours/week manual work eliminated"),
        ("response within", "responses in under 2 minutes"),
        ("scalability", "handles 10x current transaction volume"),
        ("lead time", "30% faster sales cycles"),
        ("effectiveness", "a 25% increase"),
        ("incident response", "Incident response: 15-minute SLA"),
        ("maintenance, HubSpot", "First Sunday of month, 2:00-4:00 AM EST"),
        ("maintenance, hours", "First Sunday of month, 2:00-4:00 AM EST"),
        ("maintenance, Stripe", "Second Tuesday"),
        ("maintenance, Mailchimp", "Third Wednesday"),
        ("maintenance, Analytics", "Ongoing, no scheduled downtime"),
        ("marketplace", '"installCount": 1500'),
        ("marketplace", "rating: float = 4.8"),
        ("certificates", "PCI DSS, GDPR, and SOC 2 adherence"),
        ("transport", "TLS 1.3 encryption for data in transit"),
        ("breadth", "hundreds of external services"),
    ],
)
def test_the_figures_would_be_found(claim: str, text: str):
    assert re.search(INVENTED[claim], text, re.IGNORECASE)


@pytest.mark.parametrize(
    "text",
    [
        "temperature: float = 0.3",
        "rate = ok * 100 / total",
        "jitter = delay * 1.5",
        "{{ rate }}% of {{ n }} calls",
        "130% and 0.25% and 10.25%",
        "remainder = count % 30",
        "0x10x",
        "seconds = 30 % limit",
        "{% if n > 30 %}",
        "timeout_s: float = 30",
        "5 campaigns running, 10 pending",
        "first_sunday(month)",
    ],
)
def test_honest_lines_are_left_alone(text: str):
    assert [] == [claim for claim, pattern in INVENTED.items() if re.search(pattern, text, re.IGNORECASE)]


def test_one_file_holds_one_concept():
    files = [*engine_files(), *app_files(), *(path for path in (ROOT / "newfuse").rglob("*.j2"))]
    assert files
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert [] == [
        f"{path.relative_to(ROOT).as_posix()}: {lines} lines" for path, lines in lengths.items() if lines > MOST_LINES
    ]


def test_files_are_named_by_what_they_hold():
    vague = re.compile(r"(?:^|_)(?:utils?|helpers?|misc|common|manager)$")
    named = [*engine_files(), *app_files(), *(ROOT / "tests").rglob("*.py")]
    assert [] == [path.relative_to(ROOT).as_posix() for path in named if vague.search(path.stem)]


def test_no_path_of_one_machine_stands_in_the_repository():
    assert [] == places(MACHINE_PATH, repository_texts())


def test_no_package_index_is_named():
    assert [] == places(PACKAGE_INDEX, repository_texts())


def test_nobody_is_told_that_copying_one_file_copies_the_store():
    """After a crash or during a run the latest writes lie in the log beside it: `newfuse store backup` copies both."""
    texts = [*shipped_texts(), *(path for path in repository_texts() if path.suffix == ".md")]
    assert [] == places(re.compile(r"\b(?:store is one|one) file that can be copied\b", re.IGNORECASE), texts)
    assert places(re.compile(r"\bnewfuse store backup FILE\b"), texts)
