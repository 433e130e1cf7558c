"""Helpers for tests of web output: real renderers, a real browser, and a notebook's kernel.

Nothing here reaches a network. KaTeX, MathJax and axe-core come from Python packages (the extra `test`), Chromium
is the system's. One Chromium serves a whole test process; a visit is a context of its own in it.

The fixtures are to be imported by ``conftest.py``; without Chromium they skip, or fail where CI is set::

    from web import chromium_fixture, mathjax_fixture, open_page_fixture  # noqa: F401

No font needs to be installed to typeset MathML: pages carry ``templates/html/math.woff2``. For the text around it,
Debian's fontconfig brings DejaVu.
"""

from __future__ import annotations

import atexit
import functools
import importlib.metadata
import importlib.resources
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import nbformat
    from playwright.sync_api import Browser, BrowserContext, Page, Request

Formula = tuple[str, bool]
"""TeX without its delimiters, and whether it is displayed."""

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
# No sandbox, for tests run as root; the rest keeps Chromium from looking for its maker's hosts.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NO_CHROMIUM = "no Chromium (Debian: apt-get install chromium)"

# ---------------------------------------------------------------------------------------------------------- browser


def chromium_path() -> str | None:
    """The Chromium that is installed."""
    return next((path for name in CHROMIUM if (path := shutil.which(name))), None)


@functools.cache
def browser() -> Browser:
    """The Chromium of this process; it ends with the process.

    Playwright allows one in a thread. RuntimeError without Chromium.
    """
    from playwright.sync_api import sync_playwright

    path = chromium_path()
    if path is None:
        raise RuntimeError(NO_CHROMIUM)
    playwright = sync_playwright().start()
    atexit.register(playwright.stop)
    return playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))


@dataclass
class Visit:
    """An open page and what went wrong on it so far."""

    page: Page
    console: list[str] = field(default_factory=list)
    """Errors and warnings on the console, as 'error: text'."""
    errors: list[str] = field(default_factory=list)
    """Exceptions that no script caught."""
    outside: list[str] = field(default_factory=list)
    """Addresses asked for that are not the file; none of them was let through."""

    def problems(self) -> list[str]:
        """All of these, and the hosts that the page would have the browser prepare for."""
        return [*self.console, *self.errors, *self.outside, *prepared_hosts(self.page)]


PREPARING = "preconnect dns-prefetch prefetch preload modulepreload prerender stylesheet icon manifest".split()


def prepared_hosts(page: Page) -> list[str]:
    """Addresses in <link> elements that a browser uses without a request that could be seen."""
    links = page.eval_on_selector_all("link[href]", "links => links.map(link => [link.rel, link.href])")
    return [href for rel, href in links if set(rel.split()) & set(PREPARING) and not href.startswith("data:")]


def is_outside(url: str, home: str) -> bool:
    """Whether `url` is another resource than the file at `home` and what it carries."""
    return url.partition("#")[0] != home and not url.startswith(("data:", "blob:", "about:"))


def watch(visit: Visit, context: BrowserContext, home: str) -> None:
    """Record on `visit` what happens, and let nothing but `home` through."""

    def request(seen: Request) -> None:
        if is_outside(seen.url, home):
            visit.outside.append(seen.url)

    page = visit.page
    context.on("request", request)
    context.route("**/*", lambda route: route.abort() if is_outside(route.request.url, home) else route.continue_())
    page.on("websocket", lambda socket: visit.outside.append(socket.url))
    page.on("pageerror", lambda error: visit.errors.append(str(error)))
    page.on(
        "console",
        lambda message: (
            visit.console.append(f"{message.type}: {message.text}") if message.type in ("error", "warning") else None
        ),
    )


@contextmanager
def visiting(
    path: Path, *, width: int = 1200, height: int = 900, dark: bool = False, scale: float = 1, **options: Any
) -> Iterator[Visit]:
    """Open the file at `path`; `options` are those of a Playwright context, as ``java_script_enabled=False``."""
    context = browser().new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        device_scale_factor=scale,
        **options,
    )
    try:
        visit = Visit(context.new_page())
        home = path.resolve().as_uri()
        watch(visit, context, home)
        visit.page.goto(home)
        visit.page.evaluate("document.fonts.ready.then(() => null)")
        yield visit
    finally:
        context.close()


def picture(
    path_html: Path,
    out_png: Path,
    width: int = 1000,
    *,
    height: int = 900,
    dark: bool = False,
    print: bool = False,
    scale: float = 2,
) -> None:
    """Take a picture of the whole page as on a screen of `width` by `height` CSS pixels, or as it is printed.

    A shorter page is filled up to `height`.
    """
    with visiting(path_html, width=width, height=height, dark=dark, scale=scale) as visit:
        if print:
            visit.page.emulate_media(media="print")
        visit.page.screenshot(path=out_png, full_page=True)


def printed(path_html: Path, out_pdf: Path, paper: str = "A4") -> None:
    """Print the page to a PDF file."""
    with visiting(path_html) as visit:
        visit.page.pdf(path=out_pdf, format=paper, print_background=False)


def too_wide(page: Page) -> list[str]:
    """Elements that reach beyond the right edge of the window without a box of their own that scrolls."""
    return page.evaluate("""() => {
        const limit = document.documentElement.clientWidth + 1;
        const scrolls = e => e && (['auto', 'scroll', 'hidden'].includes(getComputedStyle(e).overflowX)
                                   || scrolls(e.parentElement));
        return [...document.body.querySelectorAll('*')]
            .filter(e => e.getBoundingClientRect().right > limit && !scrolls(e))
            .map(e => e.tagName.toLowerCase() + ' ' + (e.textContent || '').trim().slice(0, 40));
    }""")


# ----------------------------------------------------------------------------------------------------- accessibility


def accessibility_violations(page: Page, *, doubtful: bool = False) -> list[str]:
    """What axe-core finds wrong: 'rule (impact): what to do: element'. With `doubtful` also what it cannot decide.

    Contrast is checked in the colour scheme that the page is open in: ask in both.
    """
    source = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    page.evaluate(source)
    results = page.evaluate("() => axe.run(document, {resultTypes: ['violations', 'incomplete']})")
    found = results["violations"] + (results["incomplete"] if doubtful else [])
    return [
        f"{rule['id']} ({rule['impact']}): {rule['help']}: {node['html'][:120]}"
        for rule in found
        for node in rule["nodes"]
    ]


# ------------------------------------------------------------------------------------------------------------- KaTeX

KATEX_CHECK = """
function derive_check(tex, display) {
    try {
        katex.renderToString(tex, {displayMode: display, throwOnError: true, strict: "error", trust: false});
        return null;
    } catch (error) {
        return String(error.message || error);
    }
}
"""


@functools.cache
def katex() -> Callable[[str, bool], str | None]:
    """KaTeX in a JavaScript engine of this process; it takes 30 ms to load, and 1 to 2 ms for a formula."""
    import quickjs

    files = importlib.metadata.files("sphinxcontrib-katex") or []
    script = next(file for file in files if file.name == "katex.min.js")
    context = quickjs.Context()
    # The parser calls itself once for each level of nesting; the engine's own limit is a quarter of a megabyte.
    context.set_max_stack_size(4 * 2**20)
    context.eval(Path(str(script.locate())).read_text(encoding="utf-8"))
    context.eval(KATEX_CHECK)
    check: Callable[[str, bool], str | None] = context.get("derive_check")
    return check


@functools.cache
def katex_error(tex: str, display: bool) -> str | None:
    """What KaTeX says against a formula, with ``strict: "error"`` and no macro left over from another one."""
    return katex()(tex, display)


# ----------------------------------------------------------------------------------------------------------- MathJax

# Both without noundefined and noerrors: these show an unknown macro in red, or the source, where an error is wanted.
DEFAULT_MATHJAX = {"tex": {"packages": {"[-]": ["noundefined"]}}, "startup": {"typeset": False}}
# As GitHub's math-renderer element configures it.
GITHUB_PACKAGES = ["noundefined", "noerrors", "bbox", "html", "require", "newcommand", "action", "colortbl"]
GITHUB_MATHJAX = {
    "loader": {"load": ["ui/safe"]},
    "tex": {"packages": {"[-]": GITHUB_PACKAGES}, "maxMacros": 1000},
    "startup": {"typeset": False},
}

MATHJAX_CHECK = """async formulas => {
    await MathJax.startup.promise;
    const said = [];
    for (const [tex, display] of formulas) {
        try {
            const mathml = await MathJax.tex2mmlPromise(tex, {display});
            const errors = new DOMParser().parseFromString(mathml, "text/html").querySelectorAll("merror");
            said.push([...errors].map(e => e.getAttribute("data-mjx-error") || e.textContent).join("; "));
        } catch (error) {
            said.push(String(error.message || error));
        }
    }
    return said;
}"""


@functools.cache
def mathjax_page(component: str, configuration: str) -> Path:
    """A file that loads a component of MathJax 3, and nothing else, with its configuration (JSON)."""
    files = importlib.metadata.files("sphinx-mathjax-offline") or []
    script = Path(str(next(file for file in files if file.name == f"{component}.js").locate())).as_uri()
    folder = Path(tempfile.mkdtemp(prefix="mathjax"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    page = folder / "page.html"
    scripts = f'<script>MathJax = {configuration}</script><script src="{script}"></script>'
    page.write_text(f'<!doctype html><meta charset="utf-8">{scripts}', encoding="utf-8")
    return page


def mathjax_says(formulas: Iterable[Formula], component: str, configuration: dict[str, Any]) -> list[str]:
    """What MathJax says to each formula of one document; empty where it has no objection."""
    path = mathjax_page(component, json.dumps(configuration))
    page = browser().new_page()
    try:
        page.goto(path.as_uri())
        said: list[str] = page.evaluate(MATHJAX_CHECK, [list(formula) for formula in formulas])
    finally:
        page.close()
    return said


def mathjax_errors(formulas: Iterable[Formula], *, github: bool = False) -> list[str]:
    """What MathJax 3 says against formulas: 'message: TeX', and nothing for those that it typesets.

    Its TeX configuration is the default one, as in notebooks, or GitHub's. The formulas are those of one document:
    a macro or a label of one is known to the next.
    """
    formulas = list(formulas)
    said = mathjax_says(
        formulas,
        "tex-chtml-full" if github else "tex-mml-chtml",
        GITHUB_MATHJAX if github else DEFAULT_MATHJAX,
    )
    return [f"{message}: {tex}" for message, (tex, _) in zip(said, formulas, strict=True) if message]


# --------------------------------------------------------------------------------------------------------- notebooks


def execute_notebook(path: Path, timeout: float = 120, folder: Path | None = None) -> nbformat.NotebookNode:
    """Run all cells in order in a fresh kernel, in `folder` or where the notebook is; the notebook with its outputs.

    Raises nbclient's CellExecutionError, which shows the cell and its error, and CellTimeoutError after `timeout`
    seconds in one cell. The file is left as it is.
    """
    import nbclient
    import nbformat

    if chromium_path() is not None:
        browser()  # nbclient leaves an event loop running, beside which Playwright would not start
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    client = nbclient.NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder or path.parent)}},
    )
    client.execute()
    return notebook


# ---------------------------------------------------------------------------------------------------------- fixtures


@pytest.fixture(name="chromium")
def chromium_fixture(skip_unless_required: Callable[[str], None]) -> Browser:
    """The Chromium of this process."""
    if chromium_path() is None:
        skip_unless_required(NO_CHROMIUM)
    return browser()


@pytest.fixture(name="open_page")
def open_page_fixture(chromium: Browser) -> Iterator[Callable[..., Visit]]:
    """``open_page(path, width=400, dark=True)``: a Visit of that file, open until the test ends."""
    from contextlib import ExitStack

    with ExitStack() as open_pages:
        yield lambda path, **options: open_pages.enter_context(visiting(path, **options))


@pytest.fixture(name="mathjax")
def mathjax_fixture(chromium: Browser) -> Callable[..., list[str]]:
    """``mathjax_errors``, where there is a browser for it."""
    return mathjax_errors
