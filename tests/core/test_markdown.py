"""Markdown of strangers becomes HTML that loads nothing, runs nothing and leads nowhere odd."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8s4r.markdown import rendered

TAGS = {
    "a", "blockquote", "br", "code", "em", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {"href", "title", "rel", "target", "class", "style", "start"}
PIECES = (
    "<script>", "</script>", "<img src=x onerror=alert(1)>", "](javascript:alert(1))", "[a", "`",
    "```html\n", "![x](http://evil.example/x.png)", "<http://a.example>", "<javascript:x>", "|a|b|",
    "\n|-|:-:|\n", "[x]: data:text/html,x\n", "[x]", "<!--", "<![CDATA[", "&#60;script&#62;",
    "\n", "\n\n", "# ", "> ", "- ", "    ", "**", '"', "'", "x", "\\", '<a href="//e" onclick=x>',
    "](//evil.example)", "](/admin/logout/)", "](vbscript:x)", "](HtTpS://ok.example/?a=\"b)", "\t",
)  # fmt: skip


class Seen(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.styles: set[str] = set()
        self.odd: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "href":
                self.links.append(value)
            if name == "style":
                self.styles.add(value)

    def handle_comment(self, data):
        self.odd.append(data)

    unknown_decl = handle_decl = handle_pi = handle_comment


def check(text):
    seen = Seen(rendered(text))
    assert seen.tags <= TAGS
    assert seen.attributes <= ATTRIBUTES
    assert all(link.lower().startswith(("http://", "https://", "mailto:")) for link in seen.links)
    assert seen.styles <= {"text-align:left", "text-align:center", "text-align:right"}
    assert not seen.odd
    return seen


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_nothing_but_harmless_html_comes_out_of_hostile_pieces(text):
    check(text)


@given(st.text(max_size=200))
def test_nothing_but_harmless_html_comes_out_of_any_text(text):
    check(text)


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:image/png;base64,AA", "//evil.example",
     "/admin/", "vbscript:x", "file:///etc/passwd", "&#106;avascript:alert(1)", "http:evil"],
)  # fmt: skip
def test_a_link_that_leads_elsewhere_than_to_pages_and_mail_is_none(link):
    assert not check(f"[x]({link})").links


def test_a_link_says_nothing_of_where_it_was_followed():
    html = rendered("[docs](https://docs.example/a)")
    assert 'rel="noopener noreferrer nofollow" target="_blank"' in html


def test_an_image_is_not_loaded():
    assert "img" not in check("![x](https://evil.example/pixel.png)").tags


def test_headings_come_below_those_of_the_page():
    assert check("# a\n\n### b\n\n###### c").tags == {"h4", "h6"}


def test_a_table_and_code_are_shown_as_such():
    seen = check("|a|b|\n|-|-:|\n|1|2|\n\n```sh\nls <b>\n```")
    assert {"table", "pre", "code"} <= seen.tags
    assert "&lt;b&gt;" in rendered("```sh\nls <b>\n```")


@pytest.mark.parametrize("piece", ["[", "[a](", "![[", "*a ", "> ", "- ", "`a", "<a ", "|a", "~~a"])
def test_what_is_meant_to_be_dear_is_rendered_too(piece):
    check(piece * (16 * 1024 // len(piece)))
