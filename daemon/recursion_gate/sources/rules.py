"""The analyst without a model: what people say of themselves, in the contract's section words, in English. Better
nothing than something wrong: whatever is a question, a condition, a negation or somebody else's is left."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .exchanges import Exchange
from .words import one_line

__all__ = ["Said", "find"]


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence that somebody says of themselves."""

    sentence: str
    signal: str
    #: None: the drop's own words decide.
    section: str | None
    skill: str


_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?]+|\n|\Z)")
_START = (
    r"^(?:(?:and|so|but|well|oh|hey|yes|yeah|wow|also|then|today|yesterday|this (?:morning|afternoon|evening|week)|"
    r"on \w+day|last (?:night|week|weekend)|at school|actually|guess what|btw|haha|ok|okay)[,:\s]+)*"
)
_I = r"(?:i|we)(?:['’]ve| have)?(?: (?:have|just|also|finally|really|all|both|now|already|even|recently|actually))*"
_RULES: tuple[tuple[str, str | None, str, re.Pattern[str]], ...] = tuple(
    (signal, section, skill, re.compile(_START + pattern, re.IGNORECASE))
    for signal, section, skill, pattern in (
        (
            "learned",
            "IX-A",
            "THINK",
            rf"{_I} (?:learn(?:ed|t)|understood)(?: today| at (?:school|home|the \w+))?"
            r" (?:that (?!i\b)|how |why |what |about |to |a new |the (?!hard )|all |some )",
        ),
        ("learned", "IX-A", "THINK", rf"{_I} (?:figured out|found out|discovered|reali[sz]ed) (?:how|why) "),
        (
            "curious",
            "IX-B",
            "THINK",
            r"(?:i['’]?m|i am|we['’]re|we are)(?: (?:really|so|very|also|quite))* "
            r"(?:curious (?:about|how|why) |interested in (?!the |a |an ))",
        ),
        ("curious", "IX-B", "THINK", r"i (?:really |often |always |still )*wonder (?:how|why) "),
        (
            "curious",
            "IX-B",
            "THINK",
            r"(?:i|we)(?:['’]d| would)?(?: really| also| still| so)* (?:want|love|like) to "
            r"(?:try (?!on |a |another |the )\w|try (?:the |a )\w+ing\b|learn (?:how to |the |a |to )?(?!this|that)\w|"
            r"understand (?:how|why) )",
        ),
        (
            "like",
            "IX-C",
            "THINK",
            r"i (?:really |absolutely |just |still |always |do )*(?:love|hate|adore)\s+"
            r"(?!(?:it|that|this|how|what|him|her|them|these|those|to|the (?:first|second|new|idea|ending))\b)\w+ ",
        ),
        (
            "like",
            "IX-C",
            "THINK",
            r"i (?:really |still |always )*prefer (?!to |the |a |an )\w+.* (?:to|over|because|on|with) ",
        ),
        ("like", "IX-C", "WORK", r"i (?:really )?like (?:to work|working)\b"),
        (
            "like",
            "IX-C",
            "THINK",
            r"i(?:['’]m| am) the kind of (?:person|kid|child|girl|boy|reader|learner|writer)\b",
        ),
        (
            "like",
            "IX-C",
            "THINK",
            r"my (?:absolute |all-time )?favou?rite (?!part|one|version|line)\w+(?: \w+)? (?:is|are) ",
        ),
        (
            "wrote",
            None,
            "WRITE",
            rf"{_I} (?:wrote|written) (?:a|an|my|two|three|another) (?:\w+ )?"
            r"(?:poems?|stor(?:y|ies)|letters?|essays?|songs?|plays?|reviews?|articles?|diary|book|comics?|speech)\b",
        ),
        (
            "read",
            None,
            "THINK",
            rf"{_I} (?:read|finished reading) "
            r"(?:(?:a|an|my|two|three|another|the)(?: \w+)? (?:books?|chapters?|novels?|"
            r"comics?|stor(?:y|ies)|biography|atlas)|chapters? \w+)\b",
        ),
        (
            "made",
            None,
            "WORK",
            rf"{_I} (?:built|drew|painted|baked|cooked|planted|sewed|knitted|programmed|coded|repaired|designed|carved|"
            r"practi[sc]ed|made) "
            r"(?:(?:a|an|my|our|two|three|four|five|another|some|\d+) |the (?!town|bed|meeting|short)|(?=\w+s |soup))"
            r"(?!case|cup|reservation|list|account|call|copy|note|plan|deal|decision|point|fuss|mess|joke|grim|team)",
        ),
        (
            "made",
            None,
            "WORK",
            rf"{_I} finished (?:a|my|the|our) (?:\w+ )?(?:book|puzzle|model|drawing|painting|scarf)\b",
        ),
    )
)
_NOT = re.compile(
    r"\b(?:if|unless|wish|would have|should have|could have|might|maybe|perhaps|almost|nearly|pretend(?:ed)?|"
    r"dream(?:ed|t)?|imagine|supposed to|going to|gonna|will|didn['’]?t|don['’]?t|haven['’]?t|never|hardly|"
    r"joking|jk|"
    r"not really|said|says|told|asked me)\b",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r"^[\s>]*[\"“”'‘*>]|https?://|\bi hate to\b|"
    # said to somebody, about what both look at: a request, a reply, an errand
    r"\b(?:you|your|yours|u|ya|ur|please|sorry|thanks|thx|can (?:i|we)|for sale|buying|look|again|later|"
    r"quiz me|keep it|"
    r"typos?|bugs?|password|mistakes?|changes?|version|homework|instructions|message|e-?mails?|comments?|appointment|"
    r"cancell?ed|paragraph|draft|refund|job|haha|in the chat|straw|blank|wrong|closed|sick|late)\b|"
    r"\bone\W*$|\bdate (?:for|with)\b",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[^\W\d_]{2,}")
#: Words that a sentence has at least, and characters at most; sentences that are read of one message.
_LEAST, _MOST, _SENTENCES = 5, 300, 40


def find(exchange: Exchange) -> Said | None:
    """The first thing that the person says of themselves in `exchange`; None where there is none."""
    return next(_said(exchange), None)


def _said(exchange: Exchange) -> Iterator[Said]:
    for message in exchange.own:
        for number, found in enumerate(_SENTENCE.finditer(message.text)):
            if number >= _SENTENCES:
                break
            said = of_sentence(found[0])
            if said:
                yield said


def of_sentence(sentence: str) -> Said | None:
    """What a sentence says of who says it; None where that is not sure."""
    text = one_line(sentence)
    if len(text) > _MOST or text.endswith("?") or _OTHERS.search(text) or len(_WORDS.findall(text)) < _LEAST - 1:
        return None
    for signal, section, skill, pattern in _RULES:
        if pattern.match(text):
            if _NOT.search(text) and signal != "curious":
                return None
            if signal == "curious" and re.search(r"\b(?:you|your|if|used to|not|n['’]t)\b", text, re.IGNORECASE):
                return None
            return Said(text, signal, section, skill)
    return None
