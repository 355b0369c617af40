# SPDX-License-Identifier: MIT
"""Finds circles: .c files that call each other, and headers that include each other.

File A calls file B when the object file of A has an undefined symbol that only B defines; nm reads
them from a build folder. That B includes a header of A for its types makes no circle.
"""
import collections
import json
import pathlib
import shlex
import subprocess

from tree import includes, resolve, sources

SHOWN_MAX = 6  # names that are listed for one edge


def object_files(root, build):
    """{.c file of src/: its object file} for the program, not for the tests that compile some of
    src/ a second time."""
    objects = {}
    for command in json.loads((build / "compile_commands.json").read_text()):
        source = (pathlib.Path(command["directory"]) / command["file"]).resolve()
        output = command.get("output") or next(
            after for word, after in zip(shlex.split(command["command"]),
                                         shlex.split(command["command"])[1:]) if word == "-o")
        if pathlib.PurePath(output).parts[0] == "tests" or not source.is_relative_to(root / "src"):
            continue
        objects[source.relative_to(root)] = build / output
    return objects


def symbols(objects):
    """({symbol: the modules that define it}, {module: the symbols that it needs})."""
    defined, needed = collections.defaultdict(set), collections.defaultdict(set)
    listing = subprocess.run(["nm", "-A", "-P", *map(str, objects.values())], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
    module = {str(output): source for source, output in objects.items()}
    for line in listing.splitlines():
        # "FILE: NAME TYPE ...": lower-case types are local, but for weak references.
        output, rest = line.split(": ", 1)
        name, kind = rest.split()[:2]
        if kind in "Uvw":
            needed[module[output]].add(name)
        elif kind.isupper():
            defined[name].add(module[output])
    return defined, needed


def call_edges(root, build):
    """{(module, module): the symbols that the first takes from the second}."""
    edges = collections.defaultdict(set)
    defined, needed = symbols(object_files(root, build))
    for module, names in needed.items():
        for name in names:
            others = defined.get(name, ())
            if len(others) == 1 and module not in others:
                edges[module, next(iter(others))].add(name)
    return edges


def include_edges(root):
    """{(header, header): the name by which the first includes the second}."""
    edges = collections.defaultdict(set)
    for path in sources(root):
        if path.suffix == ".h":
            for _, name in includes((root / path).read_text()):
                target = resolve(root, name)
                if target and target.suffix == ".h":
                    edges[path, target].add(f'"{name}"')
    return edges


def components(edges):
    """Groups of files that reach each other, each sorted (Tarjan's algorithm, without recursion)."""
    after = collections.defaultdict(list)
    for a, b in sorted(edges):
        after[a].append(b)
    index, low, on_stack, stack, groups = {}, {}, set(), [], []
    for start in sorted(after):
        if start in index:
            continue
        work = [(start, iter(after[start]))]
        index[start] = low[start] = len(index)
        stack.append(start)
        on_stack.add(start)
        while work:
            node, following = work[-1]
            for other in following:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(after[other])))
                    break
                if other in on_stack:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    group = []
                    while not group or group[-1] != node:
                        group.append(stack.pop())
                        on_stack.discard(group[-1])
                    if len(group) > 1:
                        groups.append(sorted(group))
    return sorted(groups)


def check_circles(root, build):
    """Yields one fault for each circle: its files, and what ties each to the next."""
    missing = [c for c in sources(root, ("src",)) if c.suffix == ".c"
               and not object_files(root, build).get(c, root / "none").exists()]
    if missing:
        yield f"{missing[0]}:0: not compiled in {build} ({len(missing)} such files): build it first"
        return
    edges = {**call_edges(root, build), **include_edges(root)}
    for group in components(edges):
        lines = [f"{group[0]}:0: a circle of {len(group)} files: {' '.join(map(str, group))}"]
        for (a, b), names in sorted(edges.items()):
            if a in group and b in group:
                shown = sorted(names)[:SHOWN_MAX]
                more = f" and {len(names) - SHOWN_MAX} more" if len(names) > SHOWN_MAX else ""
                lines.append(f"    {a} -> {b}: {', '.join(shown)}{more}")
        yield "\n".join(lines)
