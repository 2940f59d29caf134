"""Makes tests/fixtures/tokenizer/basic_clean.json: texts, and what open_clip's `basic_clean` (ftfy, html.unescape) makes of
them. See README.md."""

import json
import pathlib
import sys

from open_clip.tokenizer import basic_clean

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "tests/fixtures/tokenizer/basic_clean.json")
TEXTS = [
    "", "   ", "a photo of a dog.", "Tom &amp; Jerry", "Tom &AMP; Jerry", "&lt;b&gt;", "&amp;lt;", "AT&T and R&D", "a &copy b",
    "fish &amp chips", "&notit; &eacute;t&eacute;", "caf&#233; caf&#xe9;", "&#39;s &quot;dog&quot; &rsquo;", "<b>&eacute;</b> &rsquo;",
    "a \u2018quoted\u2019 \u201cdog\u201d", "it\u2019s", "\u02bbokina \u02bcapostrophe \u201a low \u201e low", "\u00ab guillemets \u00bb \u2039 \u203a",
    "caf\u00e9 cr\u00e8me br\u00fbl\u00e9e", "cafe\u0301 decomposed", "na\u00efve S\u00e3o Paulo \u00c5ngstr\u00f6m \u00d8rsted", "\u732b\u306e\u5199\u771f",
    "emoji \U0001f600 \U0001f468\u200d\U0001f469", "\u0130stanbul stra\u00dfe", "\ufb01sh and \ufb02ower, e\ufb03cient o\ufb00 \ufb06ar \u0133s \u01c4",
    "\uff21\uff22\uff23 \uff11\uff12\uff13 \uff01", "\uff76\uff9e half", "ideographic\u3000space", "a\x00b\x07c\x7f", "\ufeffbom in\ufeffside",
    "tab\there\x0bvertical\x0cform", "a\r\nb\rc\u2028d\u2029e", "\x1b[1mbold\x1b[0m \x1b[x", "\u00a0nbsp\u2003em\u00a0", "zero\u200bwidth\u2060joiner",
    "a dog\u00e2\u20ac\u2122s bowl", "\u00e2\u20ac\u0153quoted\u00e2\u20ac\u009d", "caf\u00c3\u00a9", "10\u00c2\u00b0 north", "na\u00c3\u00afve caf\u00c3\u00a9",
    "dash \u00e2\u20ac\u201c dash \u00e2\u20ac\u201d end", "wait\u00e2\u20ac\u00a6", "bullet \u00e2\u20ac\u00a2 point", "Citro\u00c3\u00abn 2CV", "Besan\u00c3\u00a7on",
    "Espa\u00c3\u00b1a", "M\u00c3\u00bcnchen stra\u00c3\u0178e", "\u00c2\u00bd cup", "\u00c2\u00a9 2020", "\u00f0\u0178\u02dc\u20ac smile", "c1 \x93quotes\x94 and \x96 dash",
    "\u2026 \u2014 \u2013", "1\u00bd \u00b0C \u00b5m \u00d7 \u00f7 \u00b2", "100 \u20ac \u00a3 \u00a5", "\u00bfQu\u00e9? \u00a1Hola!", "\u0645\u0631\u062d\u0628\u0627", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    "\u03b1\u03b2\u03b3 \u0393\u0394", "\u043a\u043e\u0448\u043a\u0430", "\U0001f1e9\U0001f1ea", "snake_case_word", "DON'T SHOUT", "a_b&c;d", "&;", "&#;", "&#x;", "& amp;",
    "dog<|endoftext|>cat", "<start_of_text>dog &amp; cat", "x < y &amp; z", "&nbsp;dog&nbsp;", "&hellip;&mdash;", "Ka\u02bbi", "rock \u2019n\u2019 roll",
    "O\u2019Brien\u2019s \u201cbest\u201d", "\u00c1guila", "\u00e0 la carte", "d\u00e9j\u00e0 vu", "\u00c9clair", "cr\u00e8me fra\u00eeche", "pi\u00f1ata", "jalape\u00f1o", "Z\u00fcrich", "\u0141\u00f3d\u017a",
    "two  blanks\n\nlines", "ends with newline\n", "\nstarts",
]

OUT.parent.mkdir(parents=True, exist_ok=True)
lines = ",\n".join(json.dumps([text, basic_clean(text)]) for text in TEXTS)
OUT.write_text(f"[\n{lines}\n]\n")
