"""
The table of mutants (tools/mutants/table), and what it makes of a source: a copy in which every
defect is there, and one of them, or none, is switched on at run time.
"""
import re


class Mistake(Exception):
    """What is wrong with the table, in a sentence."""


class Mutant:
    def __init__(self, name, line):
        self.name = name
        self.line = line
        self.number = 0
        self.rule = ""
        self.why = ""
        self.changes = []  # of Change


class Change:
    """In this file, `was` stands once, and becomes `becomes`."""

    def __init__(self, file, line):
        self.file = file
        self.line = line
        self.was = ""
        self.becomes = ""


def read(path):
    """The mutants of a table, numbered from 1. The form is described at the head of the table."""
    mutants = []
    file = mark = ""
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip()
            word, _, rest = line.partition(" ")
            rest = rest.strip()
            if line == "" or line.startswith("#"):
                word = ""
            elif word == "mutant":
                mutants.append(Mutant(rest, number))
                file = ""
            elif not mutants:
                raise Mistake(f"{path}:{number}: a mutant comes first")
            elif word in ("rule", "why"):
                setattr(mutants[-1], word, f"{getattr(mutants[-1], word)} {rest}".strip())
            elif word == "file":
                file = rest
            elif word in ("-", "+") and file:
                changes = mutants[-1].changes
                if word == "-" and mark != "-":
                    changes.append(Change(file, number))
                if not changes or changes[-1].file != file:
                    raise Mistake(f"{path}:{number}: what it replaces comes first")
                change = changes[-1]
                if word == "-":
                    change.was += rest + "\n"
                else:
                    change.becomes += rest + " "
            else:
                raise Mistake(f"{path}:{number}: {word} is not a word of this table, or it comes too early")
            mark = word
    check(path, mutants)
    return mutants


def check(path, mutants):
    names = set()
    for number, mutant in enumerate(mutants, 1):
        mutant.number = number
        where = f"{path}:{mutant.line}: {mutant.name}"
        if not re.fullmatch(r"[a-z0-9-]+", mutant.name):
            raise Mistake(f"{where}: a name is of small letters, digits and hyphens")
        if mutant.name in names:
            raise Mistake(f"{where}: there is another one of this name")
        if not mutant.rule or not mutant.why or not mutant.changes:
            raise Mistake(f"{where}: rule, why and a change are needed")
        names.add(mutant.name)


def words(text):
    """A pattern for this text, however it is broken into lines."""
    return r"\s+".join(re.escape(word) for word in text.split())


def find(text, path, mutant, change):
    """The place of what becomes something else: of all that the change names, or of what stands
    between backquotes there."""
    parts = change.was.split("`")
    if len(parts) == 1:
        parts = ["", parts[0], ""]
    where = f"{path}:{change.line}: {mutant.name}"
    if len(parts) != 3:
        raise Mistake(f"{where}: two backquotes or none")
    before, it, after = (words(part) for part in parts)
    found = list(re.finditer(rf"{before}\s*({it})\s*{after}", text))
    if len(found) != 1:
        raise Mistake(f"{where}: this stands {len(found)} times in {change.file}, not once")
    return found[0].span(1)


def mutate(text, file, path, mutants):
    """The text of a file with all its mutants in it; None when it has none."""
    places = {}
    for mutant in mutants:
        for change in mutant.changes:
            if change.file == file:
                place = find(text, path, mutant, change)
                places.setdefault(place, []).append((mutant, change))
    if not places:
        return None
    spans = sorted(places, key=lambda place: (place[0], -place[1]))
    for left, right in zip(spans, spans[1:]):
        if left[0] < right[0] < left[1] < right[1]:
            names = places[left][0][0].name, places[right][0][0].name
            raise Mistake(f"{path}: {names[0]} and {names[1]} overlap in {file}")
    return switched(text, places, spans, (0, len(text)))


def switched(text, places, spans, whole):
    """The text of a stretch, with what becomes of it in each of the spans. No line is added or
    lost, so that failed assertions name the right one."""
    out = ""
    at = whole[0]
    for span in spans:
        if span[0] >= at and span[1] <= whole[1]:
            within = [other for other in spans if other != span]
            original = switched(text, places, within, span)
            out += text[at : span[0]] + choice(original, places[span])
            at = span[1]
    return out + text[at : whole[1]]


def choice(original, changes):
    statement = original.rstrip().endswith((";", "}"))
    out = ""
    for mutant, change in changes:
        if statement:
            out += f"if (carp_mutant == {mutant.number}) {{ {change.becomes}}} else "
        else:
            out += f"carp_mutant == {mutant.number} ? ({change.becomes}) : "
    return f"{out}{{ {original} }}" if statement else f"({out}({original}))"
