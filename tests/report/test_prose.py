"""A model's closing words: no figure, in whatever clothes, is printed that was not measured; plain honest words are."""

from __future__ import annotations

import re
import time
import unicodedata
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from newfuse.observe import CallStatistics
from newfuse.report import RunRecord
from newfuse.report.facts import Fact
from newfuse.report.findings import findings
from newfuse.report.markdown import plain_text
from newfuse.report.measured import measured_for
from newfuse.report.plain_words import AMOUNTS, COMMON_WORDS, NOTHING_WORDS, NUMBER_WORDS, is_plain
from newfuse.report.prose import GAP, PROSE_CHARACTERS, closing_words, judged
from newfuse.report.render import task_report
from newfuse.report.results import CheckResult, DatasetAccount, EffectCounts, RecordException
from report.run_examples import ALL, CRM, PAYMENTS, START, unmeasured_record

SEAL = "Its figures were compared with what was measured; what it says with them was not checked."
WHAT = "what was not measured, or is not known as plain English"
LAUNDERED = "500000 USD, 98.7 percent, 4242 refunds, 31 days"


def listed(text: str) -> list[str]:
    return text.split()


def payments_record(prose: str = "", by: str = "openai:test") -> RunRecord:
    """A run that took two payments of 129.98 USD, refunded none, and gave everybody room to write figures."""
    record = unmeasured_record()
    facts: list[tuple[str, str, object, str]] = [
        (CRM, "crm.contacts_written", 3, "contacts"),
        (CRM, "crm.contacts_failed", 0, "contacts"),
        (PAYMENTS, "payments.records", 2, "records"),
        (PAYMENTS, "payments.records_valid", 2, "records"),
        (PAYMENTS, "payments.succeeded", 2, "payments"),
        (PAYMENTS, "payments.declined", 0, "payments"),
        (PAYMENTS, "payments.captures_confirmed", 2, "payments"),
        (PAYMENTS, "payments.refunds_requested", 0, "refunds"),
        (PAYMENTS, "payments.refunds_confirmed", 0, "refunds"),
        (PAYMENTS, "payments.customers_created", 2, "customers"),
        (PAYMENTS, "payments.success_rate", 100.0, "%"),
        (PAYMENTS, "payments.captured_minor.usd", 12998, "usd minor units"),
        (PAYMENTS, "payments.refunded_minor.usd", 0, "usd minor units"),
        (PAYMENTS, "payments.disputes", None, "disputes"),
        (PAYMENTS, "payments.best_customer", LAUNDERED, ""),
        (PAYMENTS, "payments.told", [4242, {"refunds": 4242}], "refunds"),
    ]
    book = [
        Fact(id=f"f{number:03d}", name=name, value=value, unit=unit, source={"task": task, "kind": "effects"})  # type: ignore[arg-type]
        for number, (task, name, value, unit) in enumerate(facts, start=1)
    ]
    record.result.facts = book
    for task in record.result.tasks:
        task.facts = [fact.id for fact in book if fact.source["task"] == task.name]
    record.result.finished_at = START + timedelta(seconds=2.5)
    paying = record.outcomes[1]
    paying.error = f"Stripe answered: {LAUNDERED}"
    paying.notes = [f"The agent wrote the file {LAUNDERED}.txt; what it says was not checked."]
    paying.checks = [CheckResult(name="Payments reconcile", passed=True, evidence=LAUNDERED)]
    paying.tables = {LAUNDERED: [{"said": LAUNDERED, "refunds": "4242"}]}
    paying.effects = paying.money_effects = EffectCounts(planned=4, confirmed=4)
    paying.datasets = [
        DatasetAccount(
            name="payments",
            total=2,
            counts={"confirmed": 2, "rejected": 0, "failed": 0},
            rules={"4242_refunds": 1},
            exceptions=[
                RecordException(
                    place="payments[4242]", reference="4242", disposition="skipped", rule="4242", reason=LAUNDERED
                )
            ],
        )
    ]
    paying.performances = []
    paying.finished_at = START + timedelta(seconds=2)
    record.task_statistics[PAYMENTS] = CallStatistics(calls=6, ok=6, p95_ms=52.0)
    record.statistics["stripe"] = record.task_statistics[PAYMENTS]
    for outcome in (paying, record.outcomes[-1]):
        outcome.prose, outcome.prose_by = prose, by
    return record


RECORD = payments_record()
KNOWN = {
    task: measured_for(RECORD, next(one for one in RECORD.outcomes if one.name == task)) for task in (PAYMENTS, ALL)
}

# --- what must not be printed ---------------------------------------------------------------------------------------

WHOLE_LIES = [
    "I refunded 4242 customers, moved 500000 USD, reached 98.7 percent satisfaction within 31 days.",
    """All payments were refunded in full; every customer confirmed receipt; there were zero failures,
    none was declined and no fraud was found. Both cards were charged twice.""".replace("\n   ", ""),
    """2 payments were refunded, 2 customers were charged 2 times, 0 payments succeeded, 100% of the
    customers were lost; captured 0.00 USD.""".replace("\n   ", ""),
]
LAUNDERING = [
    "4242 refunds confirmed.",
    "500000 USD captured.",
    "98.7 percent succeeded.",
    "31 days.",
    "4242 refunds told.",
]
LIST_MARKERS = ["- 999) customers asked", "2) payments\n3) customers", "1) payments\n1) customers", "1) The payments."]
# Each stands before "payments succeeded.", where "2" would be printed.
FIGURES = listed("""
    USD500000 EUR1,000,000 1e6 5e3 0x1F4 0b10 0o17 2bn 2k 2K V2000 50_0 l00 2O 1O0 2,0,0 2.0.0 1.000,00
    1'000 2,00 02 002 2.5 -2 +2 ~2 #2 >2 <2 ≥2 ±2 2+ 2/2 2:1 2-4 2–4 2×2 2x 2^2 10^3 2nd 1st 3rd 2ish pre2
    v2 A2 2A f999 cus_2 payments[2] <b>2</b>00 &#50;00 2**00** 2`00` 2[00] 2(00) 2__00__ 2"00" 2’00 2|00
    2;00 ②⓪⓪ ⑤⓪⓪ 2² ⁵⁰⁰ ½ 2½ ⅔ Ⅻ ⅻ XII MMXXIV IV V X LXX ⑵⓪ ㉈ 🄌 ２００ ２0 ٢٠٠ २०० ๒๐๐ 𝟐𝟎𝟎 2️⃣0️⃣0️⃣ 🔟 💯 五百 二 貳
    〇 이백 ⠼⠃ Ⅱ ↁ ៤ ⚁ 🂢 🕑 twо twо2 2% $2 2s
""")
SPACED = ["1 0 0 0", "2 0 0", "2, 0, 0", "2 000", "2 - 000", "2 | 000", "2 (000)", "2 … 000", "2 00 %", "I", "O", "l"]
INVISIBLE = [
    *"\u00ad\u034f\u061c\u115f\u1160\u17b4\u180b\u180e\u200b\u200c\u200d\u200e\u202e\u2060\u2061\u2064\u2066",
    *"\u206f\u2800\u3164\ufe00\ufe0e\ufe0f\ufeff\uffa0\ufff9\U0001d173\U000e0020\U000e0031\U000e0100\u0301\u0336",
    *"\u20dd\u20e3\x00\x08\x1b\x7f\x85\u00a0\u2000\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ud800\ue000\ufdd0",
]
ENGLISH = listed("""
    zero none no nothing all every each both neither any once twice thrice half third quarter dozen score
    couple most majority several many few twofold fivefold ten-fold hundred sixhundred fortytwo forty-two
    forty thirty-one eleventy umpteen gazillion googol quadrupled doubled tripled more fewer less numerous
    countless various multiple some enough another pair trio thousand million billion lakh crore single only
    almost nearly roughly about over under three one-and-a-half two-thirds Hundred TWELVE zero-point-five
    nil naught null dozens-of a-hundred-and-two
""")
PHRASES = """
    a third of the, a score of, a couple of, half of the, most of the, two hundred, two dozen, a hundred, 2 hundred,
    2 dozen, 2 thousand, 2 million, 2 Mio, 2 Mrd, 2 lakh, 2 crore, 2 bn, 2 K, 2 more, more than 2, fewer than 2,
    at least 2, up to 2, about 2, not 2, not the 2, 2 percent of the, 2 Prozent, 2 pour cent of the, 2 USD of,
    2 hours of, the second, twenty two, one or two, two to three
"""
OTHER_LANGUAGES = listed("""
    zwei fünf fünfhundert zwoelf zwölf hundert tausend keine alle beide doppelt halb zweimal dreißig elf
    acht null Prozent Mio deux cinq cent cents mille dix vingt trente aucun tous moitié deux-cents sept huit
    neuf onze zéro dos tres cinco quinientos mil cien ninguno todos mitad uno ocho diez veinte due tre
    quattro cinque dieci cento mila nessuno tutti metà otto nove dois três quatro quinhentos nenhum ambos
    metade oito dez vinte twee vijf zes zeven acht negen tien honderd duizend geen allemaal två fem sju åtta
    hundra tusen ingen kaksi viisi sata tuhat dwa pięć sto tysiąc dwieście dvě pět iki beş yüz bin dua lima
    ratus seribu пять пятьсот сто тысяча два ноль все никто п’ять дві πέντε δύο εκατό hai năm trăm ni roku
    hyaku sen ichi yon wu liang bai qian خمسة שתיים पाँच ห้า 五 五百 千 两 三 둘 다섯 백
""")
OTHER_THINGS = [
    "2 payments were refunded.",
    "2 payments, as the customers wish, were refunded.",
    "2 payments failed.",
    "2 payments.",
    "2.",
    "2 records were rejected.",
    "2 customers were charged.",
    "2 refunds were confirmed.",
    "2 contacts were written.",
    "3 payments were written.",
    "3 contacts were created.",
    "2 payments were created.",
    "2 customers were captured.",
    "2 customers succeeded.",
    "Refunds given: 2 captured.",
    "3 contacts failed.",
    "0 payments succeeded.",
    "No payments succeeded.",
    "Payments were not captured.",
    "Payments never succeeded.",
    "2 payments were not captured.",
    "Payments were refunded.",
    "The payments were captured and refunded as asked.",
    "On 2025-03-05 the payments were refunded.",
    "No disputes were found.",
    "No customer was asked.",
    "No problem was found.",
    "Nothing was sent.",
    "100% of the payments were refunded.",
    "100% of the customers.",
    "99.9% success rate.",
    "99.96% success rate.",
    "Captured 129.98 EUR.",
    "Captured 0.00 USD.",
    "Captured 12998 USD.",
    "Captured USD 130.98.",
    "Captured €129.98.",
    "Captured $5%.",
    "Refunded 129.98 USD.",
    "129.98 USD is what we earned.",
    "p95 was 5 ms.",
    "The payments took 2 minutes.",
    "On 2024-03-05 2 payments succeeded.",
    "At 23:59 the task ended.",
    "3 of 4 payments succeeded.",
    "2 of 3 payments succeeded.",
    "2 payments\n00 succeeded",
    "2 payments succeeded, 000 of them today.",
    "All 2 payments succeeded.",
    "Both payments succeeded.",
    "Customers are satisfied.",
    "See http://evil.example for the 2 payments.",
    "ada@example.com paid.",
    "Zahlungen wurden eingezogen.",
    "Les paiements ont été capturés.",
]
LIES = [
    *WHOLE_LIES,
    *LAUNDERING,
    *LIST_MARKERS,
    *(
        f"{figure} payments succeeded."
        for figure in [*FIGURES, *SPACED, *ENGLISH, *PHRASES.strip().split(", "), *OTHER_LANGUAGES]
    ),
    *(f"1{char}0{char}0 payments succeeded." for char in INVISIBLE),
    *(f"2{char}00 payments succeeded." for char in INVISIBLE),
    *(f"f{char}ive payments succeeded." for char in INVISIBLE),
    *OTHER_THINGS,
]


@pytest.mark.parametrize("lie", LIES, ids=ascii)
def test_what_was_not_measured_is_not_printed_in_whatever_form(lie: str):
    for task, known in KNOWN.items():
        found = judged(lie, known)
        assert (task, "") == (task, found.kept)
        assert found.left_out > 0
        assert found.because


# --- what must be printed -------------------------------------------------------------------------------------------

HONEST = [
    "The payments were captured.",
    "Payments were validated, captured and compared with what the vendor shows.",
    "2 payments succeeded.",
    "**2** payments succeeded (see f005).",
    "Two payments succeeded, two captures were confirmed.",
    "- 2 payments were captured",
    "| Payments captured | 2 |",
    "Payments captured: 2; payments declined: 0",
    "2 of 2 payments succeeded; 0 were declined.",
    "2 payments succeeded and no payments were declined.",
    "None declined; no refunds were requested.",
    "The success rate was 100%.",
    "129.98 USD were captured, 0.00 USD were refunded.",
    "Captured: $129.98 and refunded: $0.00.",
    "We captured USD 129.98.",
    "Two customers were created on 2025-03-05 at 10:15.",
    "The task took 2 s, the run took 2500 ms.",
    "The p95 of the requests to Stripe was 52 ms.",
    "6 requests were sent to Stripe.",
    "100 percent of the records were confirmed.",
    "I captured the payments.",
    "GA4 and HubSpot belong to the agents of their own tasks.",
    "1. 2 payments succeeded\n2. 0 payments were declined\n3. The report is ready",
    "# Summary\n\nThe payments were captured.\n\nDone.",
    "The e-mail of Stripe’s team is known.",
]


@pytest.mark.parametrize("text", HONEST, ids=ascii)
def test_plain_sentences_whose_figures_were_measured_are_printed_as_they_stand(text: str):
    found = judged(text, KNOWN[PAYMENTS])
    assert (text, 0, []) == (found.kept, found.left_out, found.because)


# --- what is compared is what is printed ----------------------------------------------------------------------------

PIECES = [
    *(sentence for sentence in HONEST if "\n" not in sentence),
    *FIGURES,
    *ENGLISH[:40],
    *INVISIBLE,
    *"0123456789,.;:!?()[]*_|-–/'%$ \n\t\u00b2\u0660\uff15\u2075",
    *listed("payments succeeded captured refunds of and USD the ms f005 GA4 1. 2. 129.98 00 000 2,0"),
]
MEASURED = {"0", "2", "6", "52", "100", "129.98", "0.00", "2500", "005", "4", "2025", "03", "05", "10:15"}


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12).map("".join))
def test_of_any_mixture_only_measured_figures_are_printed(text: str):
    record = payments_record(text)
    found = judged(text, KNOWN[PAYMENTS])
    printed = closing_words(record, record.outcomes[1])
    quotation = "\n".join(line for line in printed.splitlines() if line.startswith(">"))
    assert quotation_text(quotation) == [line for line in found.kept.splitlines() if line]
    assert plain_text(found.kept.replace(GAP, "")[:PROSE_CHARACTERS], PROSE_CHARACTERS)[0].split() == (
        found.kept.replace(GAP, "").split()
    )
    without_markers = re.sub(r"(?m)^\d{1,2}[.)] ", "", found.kept)
    assert {char for char in without_markers if unicodedata.category(char)[0] == "N"} <= set("0123456789")
    figures = set(re.findall(r"\d+(?:[.:]\d+)?", re.sub(r"p95|p50|p99", "", without_markers)))
    assert set() == figures - MEASURED
    for sentence in re.split(r"(?<=[.!?]) |\n", without_markers):
        assert re.search(r"#[^A-Za-z]+#", re.sub(r"\d+(?:[.:-]\d+)*", "#", sentence.replace(" at ", " and "))) is None


def quotation_text(markdown: str) -> list[str]:
    """Return the lines that a reader of rendered markdown sees."""
    inline = [token for token in MarkdownIt("gfm-like", {"linkify": False}).parse(markdown) if token.type == "inline"]
    shown = ["".join("\n" if child.type.endswith("break") else child.content for child in token.children or [])
             for token in inline]  # fmt: skip
    return [line for text in shown for line in text.splitlines()]


def test_figures_in_another_form_are_printed_in_the_form_they_were_compared_in():
    assert "2 payments succeeded." == judged("\u2461 pay\u00adments suc\u200bceeded.", KNOWN[PAYMENTS]).kept


def test_a_number_before_a_line_is_a_marker_only_in_a_list_that_counts_without_a_gap():
    known = KNOWN[PAYMENTS]
    listing = "1. The payments were captured.\n2. The report is ready.\n   More follows.\n3. Done."
    kept = listing.replace("   More follows.", "More follows.")
    assert kept.replace("More follows.", GAP) == judged(listing, known).kept
    assert f"{GAP} The payments were captured." == judged("512. The payments were captured.", known).kept
    assert f"{GAP} The payments.\n{GAP} Done." == judged("1. The payments.\n3. Done.", known).kept
    assert f"{GAP}\n2. Done." == judged("1. 4242 refunds.\n2. Done.", known).kept


def test_a_sentence_is_left_out_alone_and_its_place_shown():
    text = "2 payments succeeded. 4242 refunds. Everybody paid twice! The payments were captured.\n- All done"
    found = judged(text, KNOWN[PAYMENTS])
    assert f"2 payments succeeded. {GAP} The payments were captured.\n{GAP}" == found.kept
    assert (3, ["4242", "Everybody", "twice", "All"]) == (found.left_out, found.because)


# --- what is said of it ---------------------------------------------------------------------------------------------


def paying(record: RunRecord) -> str:
    return closing_words(record, record.outcomes[1])


@pytest.mark.parametrize("by", ["openai:test at http://127.0.0.1:8000/v1", "runbook"])
def test_the_line_above_says_what_was_compared_and_never_that_it_was_checked(by: str):
    printed = paying(payments_record("2 payments succeeded.", by))
    first, _, rest = printed.partition("\n")
    assert f"In the words of {by}. {SEAL}" == first.replace("\\", "")
    assert "> 2 payments succeeded." == rest.strip()


def test_what_was_left_out_is_counted_and_named_and_cannot_speak_for_itself():
    tokens = "e1 e2 e3 e4 e5 <script>alert(1)</script> sk_test_abcdefgh12345678"
    printed = paying(payments_record(f"2 payments succeeded. 4242 refunds. {'9' * 99} {tokens} | [f001](http://x)."))
    last = printed.splitlines()[-1]
    assert last.startswith(f"2 sentences of it were left out for {WHAT}: “4242”")
    assert "“e5” and 3 more." in last
    assert 300 > len(last)
    assert re.search(r"<script|sk_test_|9{41}|(?<!\\)\]\(", printed) is None
    one = paying(payments_record("2 payments succeeded. 4242 refunds."))
    assert f"1 sentence of it was left out for {WHAT}: “4242”." in one


def test_words_of_which_nothing_is_left_are_left_out_whole():
    expected = f"The closing text of runbook was left out for {WHAT}: “All”, “twice”."
    assert expected == paying(payments_record("All payments were taken twice.", "runbook"))
    assert "" == paying(payments_record(" \n"))
    assert "was left out: nothing in it can be read for certain." in paying(payments_record("\u2060\n---"))


def test_only_the_first_page_of_a_text_without_end_is_looked_at():
    text = "2 payments succeeded.\n" * 500_000
    printed = paying(payments_record(text))
    assert PROSE_CHARACTERS > len(judged(text, KNOWN[PAYMENTS]).kept) > PROSE_CHARACTERS - 50
    assert printed.endswith(f"What follows its first {PROSE_CHARACTERS} characters was left out unread.")
    cut = "The payments were captured. " * 200
    assert judged(cut, KNOWN[PAYMENTS]).kept.endswith("captured.")
    expanded = judged("\ufdfa " * PROSE_CHARACTERS, KNOWN[PAYMENTS])  # eighteen letters each, once normalized
    assert ("", True) == (expanded.kept, expanded.cut)


@pytest.mark.parametrize(
    "piece", ["1 a ", "2 of ", "2, and, ", "0 payments ", "two ", "a\n", "1. ", "(((", "no ", "a!!!", "a-", "!"]
)
def test_a_page_of_any_kind_is_judged_at_once(piece: str):
    text = piece * (PROSE_CHARACTERS // len(piece))
    started = time.perf_counter()
    judged(text, KNOWN[ALL])
    assert time.perf_counter() - started < 10  # seconds, on a busy machine; squares of a page would take minutes


def test_a_specialist_speaks_of_its_own_task_and_the_orchestrator_of_all():
    assert "" == judged("3 contacts were written.", KNOWN[PAYMENTS]).kept
    assert "3 contacts were written." == judged("3 contacts were written.", KNOWN[ALL]).kept


def test_a_finding_speaks_of_figures_that_were_not_measured_and_not_of_every_word_left_out():
    for prose, expected in (("4242 refunds.", 2), ("All done.", 0), ("2 payments succeeded.", 0)):
        said = [one for one in findings(payments_record(prose)) if one.rests_on.startswith("closing text")]
        assert (prose, expected) == (prose, len(said))


def test_a_report_with_closing_words_shows_them_where_the_results_are():
    record = payments_record("2 payments succeeded.\n\n4242 refunds.")
    text = task_report(record, record.outcomes[1])
    assert f"{SEAL}\n\n> 2 payments succeeded.  \n>\n> \\[…\\]  \n\n1 sentence of it was left out for " in text
    assert "its numbers were checked" not in text


# --- the words themselves -------------------------------------------------------------------------------------------

ROMAN = re.compile(r"m*(cm|cd|d?c{0,3})(xc|xl|l?x{0,3})(ix|iv|v?i{0,3})")


def test_no_common_word_is_a_number_or_an_amount_in_any_language_listed_here():
    numbers = {*NUMBER_WORDS, *NOTHING_WORDS, *AMOUNTS, *OTHER_LANGUAGES, *ENGLISH}
    assert set() == COMMON_WORDS & numbers
    assert [] == [word for word in numbers if is_plain(word)]
    assert [] == [word for word in COMMON_WORDS if ROMAN.fullmatch(word)]
    assert [] == [word for word in COMMON_WORDS if not re.fullmatch(r"[a-z]{2,}|a|e-mails?", word)]


@pytest.mark.parametrize("word", listed("Payments planned copies copied sending created carefully batches e-mail"))
def test_common_words_are_plain_in_their_usual_forms(word: str):
    assert is_plain(word)


@pytest.mark.parametrize("word", listed("ones nones fully singly quartered seconded ly s ed paymentss sixes"))
def test_forms_that_no_common_word_has_are_not_plain(word: str):
    assert not is_plain(word)
