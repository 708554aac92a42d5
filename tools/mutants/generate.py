#!/usr/bin/env python3
"""
Write the mutated sources: generate.py TABLE TREE TO

Each file that the table names is written to TO, under its name in the tree, with all its mutants in
it; TO/mutants.inc has their names, in the order of their numbers. What stays the same is not
touched, so that it is not compiled again.
"""
import os
import sys

import table


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    try:
        with open(path, encoding="utf-8") as old:
            if old.read() == text:
                return
    except FileNotFoundError:
        pass
    with open(path, "w", encoding="utf-8") as new:
        new.write(text)


def check_rules(path, mutants, page):
    """Each mutant breaks something that the page tells of, by a word or under a heading."""
    with open(page, encoding="utf-8") as lines:
        text = lines.read()
    for mutant in mutants:
        if f"`{mutant.rule}`" not in text and f"# {mutant.rule}\n" not in text:
            raise table.Mistake(f"{path}:{mutant.line}: {mutant.name}: {page} tells of no {mutant.rule}")


def main(path, tree, to):
    mutants = table.read(path)
    check_rules(path, mutants, os.path.join(tree, "docs/PROTOCOL.md"))
    for file in sorted({change.file for mutant in mutants for change in mutant.changes}):
        with open(os.path.join(tree, file), encoding="utf-8") as source:
            text = source.read()
        # Mutants may well deserve a warning; that they are found all the same is what is tested.
        head = "#pragma GCC system_header\n" if file.endswith(".h") else ""
        head += "extern unsigned carp_mutant;\n"
        head += f'#line 1 "{os.path.join(tree, file)}"\n'
        write(os.path.join(to, file), head + table.mutate(text, file, path, mutants))
    write(os.path.join(to, "mutants.inc"), "".join(f'"{mutant.name}",\n' for mutant in mutants))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except table.Mistake as mistake:
        sys.exit(str(mistake))
