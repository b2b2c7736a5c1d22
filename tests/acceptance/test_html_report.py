"""The page of real commands in a real browser: it loads in silence, looks right, runs nothing."""

import re
from pathlib import Path
from typing import Literal

import pytest

from agents.reports.html import render
from agents.reports.html.page import STYLE
from tests.support.browser import Browser, browser
from tests.support.command_line import DATA, CommandLine
from tests.support.reported import drawn_report, finding, many, report, report_by_model

__all__ = ["browser"]

pytestmark = pytest.mark.timeout(180)

HOSTILE = (
    "</title></style><script>document.title='ran'</script>"
    "<img src=x onerror=\"document.title='ran'\"><svg onload=\"document.title='ran'\">"
    '" onmouseover="document.title=\'ran\'" '
    "<iframe srcdoc='<script>top.document.title=1</script>'></iframe>"
    "<a href=\"javascript:document.title='ran'\">here</a><base href='http://evil.example'>"
    "<link rel=stylesheet href='http://evil.example'><meta http-equiv=refresh content=0>"
)
MEASURE = (
    "<script>const page = document.documentElement; "
    "document.title = `${page.scrollWidth} of ${page.clientWidth}`</script></body>"
)
PHONE = 390
FRAME = (
    "<!doctype html><body><iframe style='border:0;width:{width}px;height:900px' src='{page}'>"
    "</iframe><script>onmessage = (told) => {{ document.title = told.data }}</script></body>"
)
TELL = (
    "<script>const page = document.documentElement; "
    "parent.postMessage(`${page.scrollWidth} of ${page.clientWidth}`, '*')</script></body>"
)
CONTRAST = """<script>
const parts = (colour) => colour.match(/[0-9.]+/g).map(Number);
const luminance = (colour) => {
  const [red, green, blue] = parts(colour).slice(0, 3).map((part) => part / 255).map(
    (part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const ground = (one) => {
  const colour = getComputedStyle(one).backgroundColor;
  return parts(colour)[3] === 0 ? ground(one.parentElement) : colour;
};
let least = [99, ""], read = 0;
for (const one of document.body.querySelectorAll("*")) {
  if (![...one.childNodes].some((each) => each.nodeType === 3 && each.data.trim())) continue;
  if (["SCRIPT", "STYLE"].includes(one.tagName)) continue;
  const [dark, light] = [getComputedStyle(one).color, ground(one)].map(luminance).sort(
    (a, b) => a - b);
  const ratio = (light + 0.05) / (dark + 0.05);
  read += 1;
  if (ratio < least[0]) least = [ratio, `${one.tagName}.${one.className}`];
}
document.title = `${least[0].toFixed(2)} ${read} ${least[1]}`;
</script></body>"""
BOXES = """<script>
const drawn = [...document.querySelectorAll(".plot svg, .scale svg, .bars .picture svg")];
document.title = drawn.map((one) => one.getBoundingClientRect()).map(
  (box) => `${box.width | 0}x${box.height | 0}`).join(" ");
</script></body>"""


@pytest.fixture
def convener(tmp_path: Path) -> CommandLine:
    folder = tmp_path / "here"
    folder.mkdir()
    return CommandLine(home=tmp_path, folder=folder)


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    return written(tmp_path, render(report_by_model(HOSTILE, question=HOSTILE), show_all=True))


def written(folder: Path, page: str) -> Path:
    file = folder / "page.html"
    file.write_text(page, encoding="utf-8")
    return file


def without_policy(page: str) -> str:
    bare = re.sub(r"<meta http-equiv[^>]*>", "", page)
    assert bare != page
    return bare


def colour(name: str, scheme: Literal["light", "dark"]) -> tuple[int, int, int]:
    written = re.findall(rf"--{name}: #(..)(..)(..);", STYLE)[scheme == "dark"]
    red, green, blue = (int(part, 16) for part in written)
    return red, green, blue


async def test_every_command_that_prints_a_report_prints_the_page(convener: CommandLine) -> None:
    source = str(DATA / "planes.csv")
    piped = await convener.run("analyze", source, "--format", "html")
    assert piped.code == 0, piped.err
    assert piped.out.startswith("<!doctype html>\n<html lang=")
    assert piped.out.endswith("</html>\n")
    (id,) = re.findall(r"request ([0-9a-f-]{36})", piped.out.partition("<footer>")[2])
    again = await convener.run("report", id, "-o", "report.html")
    assert again.code == 0, again.err
    assert (convener.folder / "report.html").read_text(encoding="utf-8") == piped.out
    replayed = await convener.run("replay", id, "--live", "--format", "html")
    assert replayed.code == 0, replayed.err
    assert f"a replay of {id}" in replayed.out


async def test_the_page_of_real_data_loads_in_silence(
    convener: CommandLine, browser: Browser
) -> None:
    ended = await convener.run("analyze", str(DATA / "weather.csv"), "-o", "weather.HTML")
    assert ended.code == 0, ended.err
    loaded = browser.load(convener.folder / "weather.HTML")
    assert loaded.console == []
    assert "<h1>Analysis of weather.csv" in loaded.document
    assert "<rect" in loaded.document


def test_a_page_that_breaks_its_policy_is_noticed(browser: Browser, tmp_path: Path) -> None:
    page = render(report()).replace("</footer>", "</footer><script>document.title='ran'</script>")
    loaded = browser.load(written(tmp_path, page))
    assert any("Content Security Policy" in line for line in loaded.console)
    assert "<title>ran</title>" not in loaded.document


def test_hostile_text_runs_nothing_and_breaks_no_policy(browser: Browser, hostile: Path) -> None:
    loaded = browser.load(hostile)
    assert loaded.console == []
    assert "&lt;script&gt;document.title='ran'" in loaded.document


def test_hostile_text_is_inert_even_without_a_policy(browser: Browser, hostile: Path) -> None:
    page = hostile.read_text(encoding="utf-8")
    loaded = browser.load(written(hostile.parent, without_policy(page)))
    assert "<title>Analysis of flights.parquet</title>" in loaded.document
    assert not re.search(r"<(script|img|iframe|base|link|object|embed)\b", loaded.document)
    assert not re.search(r"<[a-z][^<>]*\son[a-z]+=", loaded.document)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_drawn_in_the_colours_of_the_reader(
    browser: Browser, tmp_path: Path, scheme: Literal["light", "dark"]
) -> None:
    picture = browser.picture(written(tmp_path, render(report(*many(12)))), scheme=scheme)
    assert (picture.width, picture.height) == (1000, 1600)
    assert picture.corner == colour("page", scheme)
    assert picture.colours[colour("ink", scheme)] > 500
    for severity in ("critical", "high", "medium", "low", "info"):
        assert picture.colours[colour(severity, scheme)] > 200, severity


@pytest.mark.parametrize("width", [500, 1000])
def test_it_is_no_wider_than_the_window(browser: Browser, tmp_path: Path, width: int) -> None:
    long = finding("x" * 300, impact="y" * 300, recommendation="word " * 80)
    by_model = report_by_model("z" * 300, question="q" * 300)
    for shown in (report(long, *many(12)), by_model):
        page = without_policy(render(shown, show_all=True)).replace("</body>", MEASURE)
        measured = browser.load(written(tmp_path, page), width=width).document
        assert f"<title>{width} of {width}</title>" in measured


def test_it_is_no_wider_than_a_phone(browser: Browser, tmp_path: Path) -> None:
    for number, shown in enumerate((report(*many(12)), drawn_report(), drawn_report("x" * 300))):
        inner = tmp_path / f"inner-{number}.html"
        bare = without_policy(render(shown, show_all=True))
        inner.write_text(bare.replace("</body>", TELL), encoding="utf-8")
        outer = FRAME.format(width=PHONE, page=inner.as_uri())
        assert (
            f"<title>{PHONE} of {PHONE}</title>" in browser.load(written(tmp_path, outer)).document
        )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(
    browser: Browser, tmp_path: Path, scheme: Literal["light", "dark"]
) -> None:
    for shown in (report_by_model(), drawn_report(), report(*many(12), status="partial")):
        page = without_policy(render(shown, show_all=True)).replace("</body>", CONTRAST)
        document = browser.load(written(tmp_path, page), scheme=scheme).document
        (title,) = re.findall("<title>(.*)</title>", document)
        least, read, where = title.split(" ", 2)
        assert float(least) >= 4.5, where
        assert int(read) > 50


@pytest.mark.parametrize("width", [500, 1280])
def test_what_is_drawn_has_room(browser: Browser, tmp_path: Path, width: int) -> None:
    page = without_policy(render(drawn_report(), show_all=True)).replace("</body>", BOXES)
    (title,) = re.findall(
        "<title>(.*)</title>", browser.load(written(tmp_path, page), width=width).document
    )
    boxes = [tuple(map(int, box.split("x"))) for box in title.split()]
    assert len(boxes) > 8
    assert all(wide >= 120 and high >= 10 for wide, high in boxes)
    assert sum(high >= 100 for _, high in boxes) == 2


def test_a_link_to_a_folded_finding_unfolds_it(browser: Browser, tmp_path: Path) -> None:
    page = written(tmp_path, render(report(*many(12))))
    opened = re.findall(
        r'<details class="([^"]*)" open', browser.load(page, fragment="#finding-12").document
    )
    assert opened == ["more", "finding info"]
    assert not re.search(r"<details[^>]* open", browser.load(page).document)


def test_on_paper_nothing_is_folded(browser: Browser, tmp_path: Path) -> None:
    shown = report(*many(12))
    folded = browser.printed_pages(written(tmp_path, render(shown)))
    unfolded = browser.printed_pages(written(tmp_path, render(shown, show_all=True)))
    assert folded == unfolded > 2
