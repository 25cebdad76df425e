# SPDX-License-Identifier: Apache-2.0
"""What mkdocs does not know of this tree: pages that lie at its root, and links from pages to sources."""
import os
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
PAGES = {'README.md': 'index.md'} | {name: name for name in ('SECURITY.md', 'CONTRIBUTING.md', 'CHANGELOG.md')}
ROOT_PAGES = {place: name for name, place in PAGES.items()}


def inner(path):
    """Where a file of the tree lies in the site: `path` as seen from its root, or nothing if there is none."""
    if not (ROOT / path).is_file():
        return None
    path = PAGES.get(path, path)
    if path.startswith('docs/'):
        return path[len('docs/'):]
    return path if path.endswith('.md') and '/' not in path else f'files/{path}'


def links(text):
    """Targets of relative links, as they are written."""
    return {target for target in re.findall(r'\]\(([^)#\s]+)', text) if '://' not in target}


def outer(page):
    """The file in the tree that a page of the site is."""
    return ROOT_PAGES.get(page, f'docs/{page}')


def seen_from(page, target):
    return os.path.normpath(os.path.join(os.path.dirname(outer(page)), target))


def on_files(files, config):
    pages = os.environ['FLASHVSR_API_PAGES']  # of the C header; docs/build-site makes them
    for page in sorted(os.listdir(pages)):
        files.append(file_at(os.path.join(pages, page), f'api/{page}', config))
    for tool in 'hooks.py', 'build-site':
        files.remove(files.get_file_from_path(tool))
    for name, place in PAGES.items():
        if (ROOT / name).is_file():
            files.append(file_at(name, place, config))
    for page in list(files.documentation_pages()):
        for target in links((ROOT / outer(page.src_uri)).read_text()):
            path = seen_from(page.src_uri, target)
            place = inner(path)
            if place and place.startswith('files/') and not files.get_file_from_path(place):
                files.append(file_at(path, place, config))
    return files


def file_at(path, place, config):
    """`path`, absolute or of the tree, as `place` in the site."""
    file = File(place, str(ROOT), config['site_dir'], use_directory_urls=False)
    file.abs_src_path = str(ROOT / path)
    return file


def on_page_markdown(markdown, page, **_):
    def to_site(match):
        target = match.group(1)
        place = None if '://' in target else inner(seen_from(page.file.src_uri, target))
        return f']({os.path.relpath(place, os.path.dirname(page.file.src_uri) or ".")}' if place else match.group(0)
    markdown = markdown.replace('```sh\n# test\n', '```sh\n')  # a mark for tests/style/docs
    return re.sub(r'\]\(([^)#\s]+)', to_site, markdown)
