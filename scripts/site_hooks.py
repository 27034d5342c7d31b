"""What the documentation's site has beyond the pages of docs/, as hooks of MkDocs (mkdocs.yml).

CONTRIBUTING.md and CHANGELOG.md become pages, job files of examples/ can be downloaded, formulas are set when the site is built, and a page
that would fetch something from elsewhere is an error.
"""

import html
import json
import pathlib
import re
import subprocess
import sys

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = pathlib.Path(__file__).resolve().parent.parent
VENV = pathlib.Path(sys.prefix)
KATEX = VENV / "node-tools" / "node_modules" / "katex" / "dist"
PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
FORMULA = re.compile(r'<(span|div) class="arithmatex">(?:\\\((.*?)\\\)|\\\[(.*?)\\\])</\1>', re.DOTALL)
# What a browser would load by itself; links that a reader follows may lead anywhere.
FETCHED = re.compile(r'<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\bsrc="(?:https?:)?//|<link\b(?![^>]*rel="canonical")[^>]*\bhref="(?:https?:)?//')


def on_files(files: Files, config: MkDocsConfig) -> Files:
    if not KATEX.is_dir():
        raise PluginError(f"{KATEX} is missing: run deploy/install-deps")
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=of_root((ROOT / source).read_text(encoding="utf-8"))))
    for example in sorted((ROOT / "examples").glob("**/*.yaml")):
        files.append(File.generated(config, example.relative_to(ROOT).as_posix(), abs_src_path=str(example)))
    for asset in [KATEX / "katex.min.css", *sorted((KATEX / "fonts").glob("*.woff2"))]:
        files.append(File.generated(config, f"assets/katex/{asset.relative_to(KATEX).as_posix()}", abs_src_path=str(asset)))
    return files


def of_root(text: str) -> str:
    """A page of the top folder, its links as from docs/."""
    text = text.replace("](docs/adr/)", "](adr/README.md)").replace("](docs/", "](")
    for source, page in PAGES.items():
        text = text.replace(f"]({source})", f"]({page})")
    return text


def on_page_markdown(markdown: str, **_) -> str:
    """What is taken from the top folder lies inside the site, so links to it lead one folder less far up."""
    markdown = re.sub(r"\]\(\.\./((?:\.\./)*(?:examples/|CONTRIBUTING\.md|CHANGELOG\.md))", r"](\1", markdown)
    for source, page in PAGES.items():
        markdown = re.sub(rf"\]\(((?:\.\./)*){re.escape(source)}", rf"](\1{page}", markdown)
    return markdown


def on_page_content(content: str, page, **_) -> str:
    found = list(FORMULA.finditer(content))
    if not found:
        return content
    wanted = [{"tex": html.unescape(match[2] or match[3]), "display": match[1] == "div"} for match in found]
    done = iter(typeset(wanted, page.file.src_uri))
    # The source is what the search looks at; the set formula would be in its index twice over.
    return FORMULA.sub(lambda match: f'<{match[1]} class="formula" data-search-exclude>{next(done)}</{match[1]}>', content)


def typeset(formulas: list[dict], where: str) -> list[str]:
    node = subprocess.run(
        [VENV / "bin" / "node", ROOT / "scripts" / "site_formulas.cjs", KATEX / "katex.js"],
        input=json.dumps(formulas), capture_output=True, text=True, timeout=60, check=False,
    )
    if node.returncode != 0:
        raise PluginError(f"{where}: {node.stderr.strip()}")
    return json.loads(node.stdout)


def on_post_page(output: str, page, **_) -> str:
    fetched = FETCHED.search(output)
    if fetched:
        raise PluginError(f"{page.file.src_uri}: would be fetched from elsewhere: {output[fetched.start() : fetched.end() + 60]}")
    return output
