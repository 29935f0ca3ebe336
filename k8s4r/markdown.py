"""How does Markdown that a stranger wrote become HTML that does nothing?

No HTML of the text's own comes through, nothing is loaded from elsewhere (an image is a link to
it), and links lead to pages or mail addresses only.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

_HARMLESS: Final = re.compile(r"(https?://|mailto:)", re.IGNORECASE)
# The page has its own headings above; those of a text come below them.
_LOWER_BY: Final = 3


class _Markdown(MarkdownIt):
    """CommonMark and tables, by `markdown-it-py`; one instance renders for all threads."""

    def __init__(self) -> None:
        super().__init__("commonmark", {"html": False})
        self.enable(["table", "strikethrough"]).disable("image")
        self.add_render_rule("link_open", _outwards)
        for rule in ("heading_open", "heading_close"):
            self.add_render_rule(rule, _lower)

    def validateLink(self, url: str) -> bool:  # noqa: N802 - the library's name
        return _HARMLESS.match(url) is not None


# What is meant to be dear takes half a second for 16 KiB, and a page looks again every 5 seconds.
@lru_cache(maxsize=256)
def rendered(text: str) -> SafeString:
    """Return the text as HTML for a page."""
    return SafeString(_MARKDOWN.render(text))


def _outwards(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, _env: EnvType
) -> Any:
    tokens[at].attrSet("rel", "noopener noreferrer nofollow")
    tokens[at].attrSet("target", "_blank")
    return renderer.renderToken(tokens, at, options, _env)


def _lower(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, _env: EnvType
) -> Any:
    tokens[at].tag = f"h{min(6, int(tokens[at].tag[1:]) + _LOWER_BY)}"
    return renderer.renderToken(tokens, at, options, _env)


_MARKDOWN: Final = _Markdown()
