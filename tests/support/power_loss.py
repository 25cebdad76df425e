# SPDX-License-Identifier: Apache-2.0
"""What lies in a folder after the power has failed at some moment of a program's work on it."""
from pathlib import Path


class File:
    def __init__(self, inode=0, data=b''):
        self.inode, self.data, self.synced = inode, bytearray(data), bytes(data)

    def write(self, offset, data):
        self.data.extend(bytes(max(0, offset - len(self.data))))
        self.data[offset:offset + len(data)] = data

    def truncate(self, size):
        del self.data[size:]
        self.data.extend(bytes(size - len(self.data)))

    def sync(self):
        self.synced = bytes(self.data)


class Folder:
    """`names`: as the program sees them; `durable`: on the disk; `pending`: what leads from these to those."""

    def __init__(self):
        self.names, self.durable, self.pending = {}, {}, []

    def change(self, **changes):
        """Names that get a node, or lose theirs (None), at once."""
        self.pending.append(changes)
        apply(changes, self.names)

    def sync(self):
        self.durable, self.pending = dict(self.names), []

    def sync_all(self):
        self.sync()
        for node in self.names.values():
            node.sync_all() if isinstance(node, Folder) else node.sync()


def apply(changes, names):
    for name, node in changes.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


class Disk:
    """What is on the disk, and what only seems to be, of a folder that a program works in under faults.cpp."""

    def __init__(self, folder):
        """`folder`: as it is before the program starts; on the disk."""
        self.folder, self.root, self.files = Path(folder), Folder(), {}
        for path in self.folder.iterdir():
            node = self.root.names[path.name] = File(path.stat().st_ino, path.read_bytes())
            self.files[node.inode] = node
        self.root.sync()

    def node(self, path):
        node = self.root
        for name in path.relative_to(self.folder).parts:
            node = node.names[name]
        return node

    def place(self, path):
        path = Path(path)
        return self.node(path.parent), path.name

    def apply(self, kind, words, data):
        if kind == 'create':
            folder, name = self.place(words[0])
            self.files[int(words[1])] = File(int(words[1]))
            folder.change(**{name: self.files[int(words[1])]})
        elif kind == 'mkdir':
            folder, name = self.place(words[0])
            folder.change(**{name: Folder()})
        elif kind in ('unlink', 'rmdir'):
            folder, name = self.place(words[0])
            folder.change(**{name: None})
        elif kind in ('rename', 'link'):
            (source, old), (target, new) = self.place(words[0]), self.place(words[1])
            node = source.names[old]
            if kind == 'rename' and source is target:
                source.change(**{old: None, new: node})
            else:
                target.change(**{new: node})
                if kind == 'rename':
                    source.change(**{old: None})
        elif kind == 'write':
            self.files[int(words[0])].write(int(words[1]), data)
        elif kind == 'truncate':
            self.files[int(words[0])].truncate(int(words[1]))
        elif kind == 'sync':
            self.files[int(words[0])].sync()
        elif kind == 'sync-folder':
            self.node(Path(words[0])).sync()
        elif kind == 'sync-all':
            self.root.sync_all()
        else:
            raise ValueError(kind)

    def after_loss(self, chance=None):
        """Name to content, {} for a folder in it: what was synced and nothing else, or, with random.Random, some of
        the rest as well: the first of the names, data whole, in part, or as zeros. Besides, the inode of each file."""
        inodes = {}
        return remains(self.root, chance, inodes, ''), inodes


def remains(folder, chance, inodes, prefix):
    names = dict(folder.durable)
    for changes in folder.pending[:chance.randint(0, len(folder.pending))] if chance else []:
        apply(changes, names)
    result = {}
    for name, node in names.items():
        if isinstance(node, Folder):
            result[name] = remains(node, chance, inodes, f'{prefix}{name}/')
            continue
        inodes[prefix + name] = node.inode
        data = bytes(node.data)
        cut = data[:chance.randint(0, len(data))] if chance else b''
        result[name] = chance.choice((node.synced, data, cut, cut + bytes(len(data) - len(cut)))) if chance else node.synced
        if node.synced == data:
            result[name] = data
    return result


def changes(log):
    """Kind, words and bytes of each change that faults.cpp has written down."""
    data = Path(log).read_bytes()
    at = 0
    while at < len(data):
        end = data.index(b'\n', at)
        kind, *words = data[at:end].decode().split('\t')
        size = int(words[2]) if kind == 'write' else 0
        at = end + 1 + size
        yield kind, words, data[end + 1:at]


def lay_out(tree, folder):
    """Puts what after_loss() gave into a folder."""
    folder.mkdir(exist_ok=True)
    for name, content in tree.items():
        if isinstance(content, dict):
            lay_out(content, folder / name)
        else:
            (folder / name).write_bytes(content)
