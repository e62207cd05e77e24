"""The words that `likeness` knows, of some thirty languages together: without accents, since texts are compared so."""

from __future__ import annotations

import unicodedata

__all__ = [
    "AFTER_A_VERB",
    "AGAINST",
    "DONE",
    "FOR",
    "NOT",
    "NUMBERS",
    "ONE_VALUE",
    "PHRASES",
    "STATES",
    "STOP",
    "without_accents",
]


def without_accents(text: str) -> str:
    """`text` in lower case, without accents on Latin, Greek and Cyrillic letters; other marks are parts of words."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", "".join(c for c in plain if not "\u0300" <= c <= "\u036f"))


def _words(*lists: str) -> frozenset[str]:
    return frozenset(word for words in lists for word in without_accents(words).split())


#: Words that say little: articles, pronouns, prepositions, auxiliaries, "always", "any more".
STOP = _words(
    "a an and are as at be been but by can could did do does for from had has have he her him his i in into is it its",
    "may me my of on or our she should so some than that the their them then there they this to today very was we were",
    "when while will with would you your any more anymore longer always",
    # German, Dutch, Swedish, Danish, Norwegian
    "der die das den dem des ein eine einen einem einer eines und oder aber ist sind war waren hat haben hatte sie er",
    "es ihr ihre ihren ihrem ihrer sein seine seinen sich mit von zu zum zur im in am an auf fur wie kann konnen mehr",
    "immer de het een en of is was heeft ze zij hij haar zijn met van op voor kan meer altijd",
    "den det ett och eller ar har hade hon han hennes hans med av pa for som kan mer alltid er et og hun",
    # French, Spanish, Italian, Portuguese
    "le la les l un une des du de d et ou est a ont elle il son sa ses au aux en dans avec pour par sur que qui",
    "pendant toujours sait peut plus se s c j m",
    "el los las uno una unos unas y o es son ha han ella su sus con por para del al lo siempre puede sabe mas ya",
    "i gli dei delle della dello di e lei lui suo sua nel nella per da sempre sa piu",
    "os as um uma do da dos das no na nos nas com ja sempre pode mais durante",
    # Polish, Czech, Russian, Ukrainian
    "w we z ze na do i oraz jest sa ona on jej jego sie to juz bardzo zawsze umie moze sobie",
    "v ve s se si je jsou ma od k u uz vzdy umi muze",
    "в во на с со и или она он ее его их у к по о от до из за для это уже больше всегда умеет может очень",
    "у та й або вона він її його з зі від вже більше завжди вміє може дуже",
    # Greek, Finnish, Hungarian, Turkish, Vietnamese
    "ο η το οι τα τον την του της και ή με σε στο στη για από είναι έχει πάντα μπορεί πολύ πια",
    "on ja tai hän hänen oli osaa voi aina enää",
    "és vagy van ő mindig tud már nagyon egy az",
    "bir ve ile için çok her zaman artık o",
    "là và của cô ấy anh em rất luôn có thể nữa cũng",
    # Arabic, Hebrew, Hindi
    "في من على مع إلى عن هي هو و أن كان كانت دائما كل",
    "של את עם על אל היא הוא זה תמיד כבר יותר",
    "में से को का की के है हैं और या यह वह उसे उसने एक बहुत",
)

#: "not", "never", "without", "no ..." (contractions are seen by their ending).
NOT = _words(
    "not no never cannot without nothing neither nor stopped quit",
    "nicht kein keine keinen keinem keiner keines nie niemals nichts ohne niet geen nooit zonder",
    "inte ej aldrig ingen inget inga utan ikke aldri uten ikkje",
    "ne n pas jamais rien aucun aucune sans nunca jamas sin nada ningun ninguna tampoco",
    "non mai senza niente nessun nessuno nessuna nao sem nenhum nenhuma nunca",
    "nie nigdy bez nic zadny zadna nikdy neni nema nemam nemaji neumi",
    "не нет никогда без ничего нельзя ни ні ніколи немає",
    "δεν δε μην ποτέ χωρίς όχι ei eivät eikä koskaan ilman nem ne sem soha nincs nélkül",
    "değil yok asla hiç không chẳng chưa đừng",
    "لا ليس ليست لم لن بدون ما לא אין בלי אינו אינה אף नहीं मत कभी बिना",
)

#: Words for liking, and for disliking.
FOR = _words(
    "like likes liked love loves loved enjoy enjoys enjoyed prefer prefers preferred adore adores adored favourite",
    "favorite want wants wanted",
    "mag mogen mochte liebt lieben liebte gern gerne lieber houdt houden graag liever gillar alskar elsker liker",
    "aime aimer aiment adore adorer prefere gusta gustan encanta encantan ama aman adora prefiere",
    "piace piacciono preferisce gosta gostam prefere",
    "lubi lubie kocha uwielbia woli rad rada miluje libi",
    "любит любить любят нравится обожает подобається обожнює",
    "αρέσει αρέσουν αγαπά αγαπάει λατρεύει pitää rakastaa tykkää szeret szereti imádja seviyor sever thích yêu",
    "تحب يحب تفضل يفضل אוהב אוהבת מעדיף מעדיפה पसंद",
)
AGAINST = _words(
    "hate hates hated dislike dislikes disliked avoid avoids avoided detest detests detested boring bored loathe",
    "loathes hasst hassen hasste haat hatar avskyr hater",
    "deteste detester hait odia odian detesta odio odeia",
    "nienawidzi nesnasi nenavidi ненавидит ненавидить терпеть",
    "μισεί σιχαίνεται vihaa inhoaa utál utálja gyűlöli nefret ghét",
    "تكره يكره שונא שונאת नापसंद",
)

#: What stands for such a word in a script without blanks, or within a word, and the word of the lists above.
PHRASES = {
    "喜欢": "like", "喜歡": "like", "讨厌": "hate", "討厭": "hate", "不": "not", "没": "not", "沒": "not",
    "好き": "like", "嫌い": "hate", "きらい": "hate", "ない": "not", "なかった": "not", "ません": "not",
    "좋아하": "like", "좋아한": "like", "싫어하": "hate", "싫어한": "hate", "않": "not", "없": "not", "못": "not",
}  # fmt: skip

_COUNTING = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_ORDER = "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
_GERMAN = "null ein zwei drei vier funf sechs sieben acht neun zehn elf zwolf"
_TENS = "thirty forty fifty sixty seventy eighty ninety hundred"
NUMBERS = {
    **{word: str(n) for words in (_COUNTING, _ORDER, _GERMAN) for n, word in enumerate(words.split()) if word != "ein"},
    **{word: str(n) for n, word in zip(range(30, 110, 10), _TENS.split(), strict=True)},
    **{sign: str(n) for n, sign in enumerate("一二三四五六七八九十", 1)},
}

#: Words of a text that says how things are, and not what was done: its numbers are its content.
STATES = _words(
    "is are ist sind est è sono é são jest są είναι",
    "year years old age jahre alt ans años anni anos jaar lat let лет года років évesa yaşında ετών tuổi سنوات שנים",
    "साल birthday geburtstag anniversaire cumpleaños compleanno",
) | {"岁", "歲", "歳", "살"}

#: Words for what a person has only one of: where the rest is the same, another value contradicts.
ONE_VALUE = _words(
    "live lives lived live's favourite favorite best birthday named name called",
    "wohnt lebt heisst beste bester habite vive vivo préféré préférée favori favorita favorito preferito preferita",
    "meilleur meilleure mejor migliore melhor mora woont beste heet bor mieszka bydli ulubiony ulubiona najlepszy",
    "живет живёт живе любимый любимая улюблений улюблена лучший лучшая",
)

#: English: words that follow a verb ("goes to"), and participles that do not end as most do ("has read").
AFTER_A_VERB = _words("to at in on by up with for the a an her his about from")
DONE = _words("read built made run got done")
