#!/usr/bin/env python3
"""What is made of a table, and what is wrong with one."""
import os
import tempfile
import unittest

import table

SOURCE = """int f(int a)
{
    if (a > 1 &&
        a < 9) {
        a += 1;
    }
    return a;
}
"""


def text(name, *lines):
    return "\n".join((f"mutant {name}", "rule  silence", "why   It is wrong.", "file  f.c", *lines, ""))


def mutate(*mutants):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "table")
        with open(path, "w", encoding="utf-8") as file:
            file.write("# a table\n" + "\n".join(mutants))
        try:
            return table.mutate(SOURCE, "f.c", "table", table.read(path))
        except table.Mistake as mistake:
            return str(mistake).replace(path, "table")


class Table(unittest.TestCase):
    def expect(self, was, becomes, *mutants):
        self.assertEqual(SOURCE.count(was), 1)
        self.assertEqual(mutate(*mutants), SOURCE.replace(was, becomes))

    def test_an_expression_becomes_a_choice_however_its_lines_are_broken(self):
        self.expect(
            "a > 1 &&\n        a < 9",
            "(carp_mutant == 1 ? (a > 1 ) : (a > 1 &&\n        a < 9))",
            text("one", "- a > 1 && a < 9", "+ a > 1"),
        )

    def test_a_statement_becomes_another_one_or_none(self):
        self.expect(
            "a += 1;",
            "if (carp_mutant == 1) { } else if (carp_mutant == 2) { a -= 1; } else { a += 1; }",
            text("one", "- a += 1;"),
            text("two", "- a += 1;", "+ a -= 1;"),
        )

    def test_backquotes_say_which_part_is_meant(self):
        self.expect(
            "return a;", "return (carp_mutant == 1 ? (0 ) : (a));", text("one", "- return `a`;", "+ 0")
        )

    def test_one_mutant_may_lie_within_another(self):
        whole = "- if (a > 1 && a < 9) { a += 1; }"
        self.expect(
            "if (a > 1 &&\n        a < 9) {\n        a += 1;\n    }",
            "if (carp_mutant == 1) { } else { if (a > 1 &&\n        "
            "(carp_mutant == 2 ? (a <= 9 ) : (a < 9))) {\n        a += 1;\n    } }",
            text("one", whole),
            text("two", "- a < 9", "+ a <= 9"),
        )

    def test_what_is_not_there_once_is_refused(self):
        missing = mutate(text("one", "- a < 8", "+ a"))
        self.assertEqual(missing, "table:6: one: this stands 0 times in f.c, not once")
        twice = mutate(text("one", "- a", "+ b"))
        self.assertRegex(twice, r"^table:6: one: this stands \d+ times in f.c, not once$")

    def test_mutants_that_overlap_are_refused(self):
        self.assertEqual(
            mutate(text("one", "- a > 1 && a", "+ a"), text("two", "- a < 9", "+ a")),
            "table: one and two overlap in f.c",
        )

    def test_a_table_that_is_none_is_refused(self):
        for wrong, why in (
            ("file f.c", "table:2: a mutant comes first"),
            ("mutant one\nfiel f.c", "table:3: fiel is not a word of this table, or it comes too early"),
            ("mutant one\n- a", "table:3: - is not a word of this table, or it comes too early"),
            ("mutant one\nfile f.c\n+ a", "table:4: what it replaces comes first"),
            ("mutant one", "table:2: one: rule, why and a change are needed"),
            ("mutant One", "table:2: One: a name is of small letters, digits and hyphens"),
            (text("one", "- a `+= 1;"), "table:6: one: two backquotes or none"),
            (text("one", "- a < 9") + text("one", "- a < 9"), "table:7: one: there is another one of this name"),
        ):
            self.assertEqual(mutate(wrong), why)


if __name__ == "__main__":
    unittest.main()
