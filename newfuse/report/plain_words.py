"""Tells plain English words from everything else a model may write.

A list of forbidden words is never complete: every language has its own numbers, and every number can be misspelt or
glued to a word. So it is the other way round: a word is plain when it stands in a list of common words that hold no
number and no amount, or is formed from one of them. What is not in the list is not plain, whatever it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

SHORTEST_STEM = 3  # "on" and "ly" make no "only"


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_SMALL = _listed("""
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen
""")
_TENS = _listed("twenty thirty forty fifty sixty seventy eighty ninety")

NUMBER_WORDS = {word: value for value, word in enumerate(_SMALL)} | {
    word: 10 * value for value, word in enumerate(_TENS, start=2)
}
"""What they are worth."""

NOTHING_WORDS = frozenset(_listed("no none nothing not cannot never nor nobody without"))
"""They say that something counted is zero, or that something did not happen."""

# Amounts that nobody can compare with a count, and words that change the count they stand beside. None of them is in
# the list below; they are named here so that no name of a run can let them in.
AMOUNTS = frozenset(
    _listed("""
    about above additional again all almost always another any anybody anyone anything approximately around barely
    below beyond billion both bulk bunch century common completely countless couple crore day days decade double
    doubled doubles doubling dozen dozens dual each eighth either empty enough entire entirely entirety even every
    everybody everyone everything exceed exceeded exceeding exceeds except extra few fewer fewest fifth first fold
    forth fortnight fourth fraction frequent full fully grand gross half halve halved halves handful hardly hour
    hours hundred hundreds just lac lakh larger least less little lone lots majority many maximum million millions
    minimum minority minus minute minutes mio month months more most mostly mrd much multiple multitude naught near
    nearly neither nil ninth nought null numerous often once only other others over pair pairs part partial
    partially partly per percent percentage plenty plus quadruple quarter quarters quintuple rarely ream remainder
    repeatedly rest roughly score scores second secondary seconds seldom several sextuple single sixth sole solely
    some somebody someone something tenth third thirds thousand thousands thrice times total totally trillion trio
    triple tripled twice twin twofold under unit units up various week weeks whole wholly year years
    """)
)

# Common words of English, chosen by hand with reports of business systems in mind. Left out on purpose: amounts, times
# and comparisons (`most`, `weeks`, `larger`), words that spell a number in another language (`due`, `once`, `mix`), and
# words for what goes wrong with a record or is taken back (`refund`, `fail`, `delete`): a run that counts such things
# has those words in the names of its facts, and is held to their counts.
COMMON_WORDS = frozenset(
    _listed("""
    a able accept acceptance access accessible according accordingly account achieve across act action active actual
    actually add addition address adjust affect after agent agree ahead aim alert align allow along already also
    although am amount an analysis analytics analyze and announce answer api app appear application apply approach
    appropriate approval approve are area arrange arrive article as ask aspect assess assign assist associate at
    attach attempt attention attribute audience audit authenticate authentication author authority authorization
    authorize automate automatic automatically automation available avoid await aware away background backup balance
    bank base basic basically basis batch be became because become been before begin behavior behind being belong
    beneath beside besides best between bill blank board body book boundary brand break brief bring broad browser
    budget bug build business but button buy by calculate calendar call came campaign can capability capable capture
    card care carefully carry case cash catalog catch category cause caution center certain certificate chain chance
    change channel check choice choose circumstance city claim classify clean cleanup clear clearly click client
    close cloud code collect combination combine come command comment commerce commit communicate communication
    company compare comparison compatible complete completeness completion compliance compliant comply component
    compose compute concern conclude conclusion condition conduct configuration configure confirm confirmation
    conflict connect connection connectivity connector consent consequence consider consist consistency consistent
    consistently constraint consult consume contact contain content context continue contract contribute control
    conversation conversion convert coordinate coordination copy correct correction correctly correspond cost could
    count counter country course cover create creation creative credential credit crew criteria critical crm cross
    currency current currently custom customer dashboard data database dataset date deal debit decide decision
    dedicate deduplicate deduplication default define definition delay deliver deliverability delivery demand
    department depend dependency deploy derive describe description design desire destination detail detect
    determine develop device diagnose did differ difference different differently difficult digital direct direction
    directly directory disable disappear disconnect discover discrepancy discuss display distinct distribute
    distribution do document documentation does doing domain done down draft draw duration during e-mail e-mails
    earlier early ease easily easy edit effect effective effort element else elsewhere email emails embed employ
    enable encounter encrypt end endpoint enforce engage engine english ensure enter enterprise entitle entity entry
    environment equal equipment escalate especially establish estimate evaluate evaluation event eventually evidence
    evident exact exactly examine example exception exchange execute execution exist existence existing expect
    expectation experience explain explicit explicitly explore export express extend external extract face fact
    factor fair fall feature feedback fetch field file fill filter final finalize finally finance financial find
    fine finish fit fix flag flow focus folder follow following for force foreign form formal format former forward
    found foundation fresh from function further furthermore future gap gather gave general generate get give given
    global go goal goes going gone good got govern grant group guarantee guard guess guide had hand handle handler
    happen has have having he header heading health healthy held help hence her here hers hidden him his history hit
    hold holder home hook host how however human idea identical identifier identify identity if ignore illustrate
    image immediately impact implement implementation import importance important improper in inactive include
    incoming incomplete incorrect incorrectly indeed independent index indicate indication individual industry
    inform information infrastructure initial initially initiate inner input inspect install instance instead
    instruct instruction integrate integration integrity intend intent interact interaction interest interface
    internal interpret into introduce invalid investigate investigation invoice involve is issue it item its itself
    job join journey judge keep key keyword kind knew know knowledge known label language lately latency later
    launch layer lead learn leave ledger left legal length let level library lifecycle like likely limit limitation
    line link list live load local locate location lock log logic logical long look lookup made mail main mainly
    maintain maintenance make manage management manager mandatory manual manually map mapping mark market marketing
    match material matter mean meaning meanwhile measure measurement mechanism media meet member memory mention
    merchant merge message met metadata method metric might migrate mind mine mismatch mistake mode model modify
    module monitor move must my name namely natural nature necessarily necessary need network new newly newsletter
    next normal normally note notice notification notify now object objective observe obtain obvious occur of off
    offer office old on ongoing online open operate operation operational operator opportunity option optional or
    orchestrate orchestration orchestrator order organization organize origin original originally our out outbound
    outcome outline output outside outstanding overall overview overwrite own owner package page paid panel
    parameter participate particular pass path pattern pause pay payer payload payment pending people perform
    performance period permission permit person personal phase phone pick pipeline place plain plan platform play
    please point policy portal position possible possibly post potential potentially practical practice precise
    prefer preference preparation prepare presence present preserve prevent previous previously price primary
    principle prior priority privacy private probably problem procedure proceed process processor produce product
    production profile program progress project prompt proper properly property proposal propose protect protection
    protocol provide provider publish pull purchase purpose push put qualify quality query question queue quick
    quickly quite raise range rate rather raw reach read readable ready real really reason reasonable recall receive
    recent recently recipient recommend recommendation reconcile reconciliation record records recover recovery
    redacted refer reference refine reflect refresh regard regardless region register regular regulation relate
    relation relationship relative release relevant reliable rely remain remedy remember reminder remote rename
    repair replace reply report reporting repository represent request require requirement rerun reserve reset
    reside resolution resolve resource respect respective respectively respond response responsibility responsible
    restart restore restrict result resume retain retrieve retry reveal review revise right risk role root route
    routine row rule run runbook safe safely said sale same sample sandbox save saw say schedule schema scope screen
    script search section secure security see seem seen segment select selection send sender sense sent separate
    separately sequence serious serve server service session set setting settle settlement setup shape she shop
    should show shown side sign signal similar similarly simple simply since site situation so social software
    solution solve soon sort sought source space speak special specialist specific specifically specification
    specify spend stable staff stage stand standard start state statement statistic statistics status stay step
    still stop storage store straight strategy stream string structure studio subject submit subscribe subscriber
    subscription subsequent subsequently success successful successfully such suggest suitable summarize summary
    supply support suppose sure surface switch sync synchronization synchronize system table tag take taken talk
    target task team technical template temporary term test text than thank that the their them themselves then
    there therefore these they thing this those though through throughout thus time timely timestamp title to today
    together token told took tool topic touch toward trace track transaction transfer transform transformation
    transmit transparent transport treat trigger trouble true trust try turn type typical typically unable
    unaffected unauthorized unavailable unchanged unclear understand understood unexpected unfinished unfortunately
    unknown unless unresolved unsettled unsubscribe until unusual update upload upon upsert upstream url us usable
    usage use useful user usual usually valid validate validation validity valuable value variable variant vendor
    verification verify version very via view violate violation visible visit wait want warn warning was way we web
    webhook website welcome well went were what whatever when whenever where whereas whether which while who whom
    whose why wide will window wish with within word work workflow world would write written wrong wrote yes yet you
    your yours yourself
    """)
)


def is_plain(word: str) -> bool:
    """Say whether a word, in whatever case, is common English and holds neither a number nor an amount."""
    return _is_plain(word.lower())


@lru_cache(maxsize=4096)
def _is_plain(word: str) -> bool:
    return word not in AMOUNTS and any(form in COMMON_WORDS for form in (word, *_bases(word)))


def _bases(word: str) -> Iterator[str]:
    """Yield the words that this one may be formed from: its singular, its infinitive, its adjective."""
    for ending, replacements in _ENDINGS.items():
        stem = word.removesuffix(ending)
        if stem == word or len(stem) < SHORTEST_STEM:
            continue
        yield from (stem + replacement for replacement in replacements)
        if stem[-1] == stem[-2] and ending in {"ed", "ing"}:
            yield stem[:-1]  # planned


_ENDINGS = {"s": ("",), "es": ("",), "ies": ("y",), "ed": ("", "e"), "ied": ("y",), "ing": ("", "e"), "ly": ("",)}
