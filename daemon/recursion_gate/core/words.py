"""The contract's words in one table: skills, sections, categories, the Record file of each, and the form of an ACT id.

Needs nothing but the standard library, since ``--help`` needs it.
"""

from __future__ import annotations

from typing import Literal, get_args

__all__ = [
    "ACT_ID",
    "CATEGORY_OF",
    "FILE_OF",
    "HEADINGS",
    "RECORD_FILES",
    "SECTION_OF",
    "SKILLS",
    "Category",
    "Section",
    "Skill",
]

Skill = Literal["THINK", "WRITE", "WORK", "STEWARD"]
Section = Literal["IX-A", "IX-B", "IX-C"]
Category = Literal["knowledge", "curiosity", "personality"]

SKILLS: tuple[Skill, ...] = get_args(Skill)

#: Contract, "A drop": "IX-A is knowledge, IX-B curiosity, IX-C personality".
CATEGORY_OF: dict[str, Category] = dict(zip(get_args(Section), get_args(Category), strict=True))
SECTION_OF: dict[str, Section] = dict(zip(get_args(Category), get_args(Section), strict=True))

#: The Record file of each section and of each skill.
FILE_OF: dict[str, str] = {section: f"self-{category}.md" for section, category in CATEGORY_OF.items()}
FILE_OF |= {skill: f"self-skill-{skill.lower()}.md" for skill in SKILLS}

#: The section of each Record file that approved entries go to.
HEADINGS = {
    "self-evidence.md": "Activity Log",
    FILE_OF["IX-A"]: "Topics / Understanding",
    FILE_OF["IX-B"]: "Interests",
    FILE_OF["IX-C"]: "Observed Voice / Expression",
    **dict.fromkeys((FILE_OF[skill] for skill in SKILLS), "Activity"),
}

#: The Record of one user (contract: "The tree").
RECORD_FILES = ("self.md", *HEADINGS)

#: An id of evidence, as readers find it in the Record; the companion-self app made ids such as ACT--p436yg2.
ACT_ID = r"ACT-[\w-]*\w"
