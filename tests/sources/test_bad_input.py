"""What people bring by mistake: cut short, broken, of another kind: refused with a reason, or left out by itself."""

from __future__ import annotations

import builtins
import importlib
import json
import sqlite3
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from recursion_gate.core.settings import Settings
from recursion_gate.sources import anki, json_items, registry
from recursion_gate.sources.entry import BadSource, Entry, Item, MissingPackage, Options, WrongOption
from recursion_gate.sources.file import SourceFile
from recursion_gate.sources.registry import find
from recursion_gate.sources.run import Line, Request, proposals

SAMPLES = Path(__file__).parents[2] / "fixtures" / "sources"


def lines(path: Path, **options: Any) -> list[Line]:
    form, part = find(SourceFile(path))
    return [line for line, _ in proposals(Request(part, form, "alex", Options(**options)), Settings())]


def put(path: Path, data: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def new(found: list[Line]) -> list[str]:
    return [line.candidate.raw_text for line in found if line.outcome == "new" and line.candidate]


# -- JSON -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["chatgpt", "claude"])
def test_conversations_that_were_cut_short_are_refused_and_say_so(tmp_path: Path, form: str) -> None:
    data = (SAMPLES / form / "conversations.json").read_bytes()
    with pytest.raises(BadSource, match=r"not valid JSON.*cut short"):
        lines(put(tmp_path / "conversations.json", data[:-3_000]))


@pytest.mark.parametrize("form", ["chatgpt", "claude"])
def test_large_json_gives_the_same_piece_by_piece(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = SAMPLES / form / "conversations.json"
    whole = lines(path)
    monkeypatch.setattr(json_items, "_SMALL", 100)
    assert lines(path) == whole
    cut = put(tmp_path / "conversations.json", path.read_bytes()[:-3_000])
    found: list[Line] = []
    with pytest.raises(BadSource, match="cut short"):
        found.extend(line for line, _ in proposals(Request(SourceFile(cut), form, "alex", Options()), Settings()))
    assert found == whole[: len(found)]
    assert len(found) > 10


def test_without_the_package_a_large_file_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_items, "_SMALL", 10)
    _without(monkeypatch, "ijson", "icalendar")
    with pytest.raises(MissingPackage, match=r"pip install 'recursion-gate\[sources\]'"):
        lines(put(tmp_path / "a.json", '[{"text": "a"}, {"text": "b"}]'))
    with pytest.raises(MissingPackage, match="a calendar needs the package 'icalendar'"):
        lines(SAMPLES / "icalendar" / "family.ics")


def _without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    real = importlib.import_module

    def missing(name: str, package: str | None = None) -> Any:
        if name in names:
            raise ModuleNotFoundError(name, name=name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", missing)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "nested too deeply|not valid JSON"),
        ('{"a": [{"b": 1}], "c": [{"d": 1}]}', "--map items=NAME, one of a, c"),
        ("[1, 2, 3]", "holds no objects"),
        ('[{"a": 1}]', "which column says what was done"),
        ('{"a": ', "not valid JSON"),
        ("[NaN]", "holds no objects"),
        ("\ufeff 7", "neither a list nor an object"),
    ],
)
def test_json_of_the_wrong_kind_is_refused(tmp_path: Path, text: str, message: str) -> None:
    part = SourceFile(put(tmp_path / "a.json", text))
    with pytest.raises((BadSource, WrongOption), match=message):
        list(proposals(Request(part, "json", "alex", Options()), Settings()))


# -- other forms ------------------------------------------------------------------------------------------------------


def test_a_broken_event_takes_no_other_with_it(tmp_path: Path) -> None:
    data = (SAMPLES / "icalendar" / "family.ics").read_text()
    found = lines(put(tmp_path / "a.ics", data[:2_000] + "\r\nBEGIN:VEVENT\r\nDTSTART;X=:::\x01\r\n" + data[2_000:]))
    assert len(new(found)) > 40
    assert lines(put(tmp_path / "b.ics", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")) == []


def test_an_archive_of_cards_without_results_says_how_to_export_it(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match="Include scheduling information"):
        lines(put(tmp_path / "a.txt", "#separator:tab\n#html:true\nfront\tback\n"))
    for name, message in (("collection.anki21b", "newest form"), ("media", "newest form")):
        with zipfile.ZipFile(tmp_path / "a.apkg", "w") as archive:
            archive.writestr(name, "x")
        with pytest.raises(BadSource, match=message):
            lines(tmp_path / "a.apkg")
    with zipfile.ZipFile(tmp_path / "a.apkg", "w") as archive:
        archive.writestr("collection.anki2", b"SQLite format 3\0" + b"x" * 5_000)
    with pytest.raises(BadSource, match="its database cannot be read"):
        lines(tmp_path / "a.apkg")


def test_a_collection_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anki, "_SECONDS", 0.2)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id, i AS did FROM n"
    with sqlite3.connect(tmp_path / "collection.anki2") as db:
        db.execute("CREATE TABLE col (decks TEXT)")
        db.execute(f"CREATE VIEW cards AS {endless}")
        db.execute("CREATE TABLE revlog (id INTEGER, cid INTEGER, ease INTEGER, time INTEGER)")
        db.execute("INSERT INTO revlog VALUES (1, -1, 2, 3)")
    db.close()
    with pytest.raises(BadSource, match="its database cannot be read"):
        lines(tmp_path / "collection.anki2")


def test_a_gate_of_another_instance_that_is_broken_is_named(tmp_path: Path) -> None:
    gate = put(tmp_path / "users" / "bo" / "recursion-gate.json", '[{"id": "x", ')
    with pytest.raises(BadSource, match="not valid JSON"):
        lines(tmp_path)
    put(gate, '{"id": "x"}')
    with pytest.raises(BadSource, match="this is not a list of candidates"):
        lines(tmp_path)
    put(gate, "")
    assert lines(tmp_path) == []
    put(gate, json.dumps([{"id": "a/b", "raw_text": "x"}, {"id": "c", "raw_text": "Fine."}, 7]))
    assert [(line.outcome, line.why[:20]) for line in lines(tmp_path)] == [
        ("left out", "id must be 1 to 128 "),
        ("new", ""),
        ("left out", "not a candidate"),
    ]
    put(tmp_path / "users" / "al" / "recursion-gate.json", "[]")
    with pytest.raises(BadSource, match=r"several users in it \(al, bo\)"):
        lines(tmp_path)


@pytest.mark.parametrize("form", ["chatgpt", "claude"])
def test_an_export_is_found_in_its_archive_among_other_files(tmp_path: Path, form: str) -> None:
    with zipfile.ZipFile(tmp_path / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("user.json", '{"id": "user-1", "email": "alex@example.org"}')
        archive.writestr("blank.txt", "\n")
        archive.write(SAMPLES / form / "conversations.json", "data/conversations.json")
        archive.writestr("chat.html", "<html>")
    assert find(SourceFile(tmp_path / "export.zip"))[0] == form
    assert lines(tmp_path / "export.zip") == lines(SAMPLES / form / "conversations.json")


def test_a_chat_in_its_archive_is_found_and_its_dates_are_asked_about(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "WhatsApp Chat - Dad.zip", "w") as archive:
        archive.write(SAMPLES / "whatsapp" / "_chat.txt", "_chat.txt")
        archive.writestr("photo.jpg", b"\xff\xd8")
    with pytest.raises(WrongOption, match="--day-first or --month-first"):
        lines(tmp_path / "WhatsApp Chat - Dad.zip")
    found = new(lines(tmp_path / "WhatsApp Chat - Dad.zip", day_first=False))
    assert len(found) > 50
    assert 'in "WhatsApp Chat - Dad"' in found[0] or 'in "Dad"' in found[0]


def whatsapp(tmp_path: Path, name: str, text: str) -> list[Line]:
    return lines(put(tmp_path / name, text), day_first=True)


def test_chats_of_other_languages_have_no_notices_pictures_or_deleted_messages_in_them(tmp_path: Path) -> None:
    android = (
        "24.11.26, 18:03 - Nachrichten und Anrufe sind Ende-zu-Ende-verschlüsselt.\n24.11.26, 18:03 - Oma: Hallo!\n"
        "24.11.26, 18:05 - Alex: Gut <Diese Nachricht wurde bearbeitet.>\n"
        "24.11.26, 18:06 - Alex: <Medien ausgeschlossen>\n"
        "24.11.26, 18:07 - Oma: Diese Nachricht wurde gelöscht.\n"
    )
    found = whatsapp(tmp_path, "WhatsApp Chat mit Oma.txt", android)
    assert new(found) == ['Conversation of Oma, Alex in "Oma": 2 messages.']
    (talk,) = [line.candidate for line in found if line.outcome == "new"]
    assert talk is not None
    assert talk.excerpt == "Oma: Hallo!\nAlex: Gut"
    iphone = (
        "\u200e[24.11.26, 18:03:12] Oma: \u200eNachrichten und Anrufe sind Ende-zu-Ende-verschlüsselt.\n"
        "[24.11.26, 18:03:15] Oma: Hallo\n[24.11.26, 18:04:00] Alex: \u200eBild weggelassen\n"
        "\u200e[24.11.26, 19:00:00] Alex: \u200e<Anhang: 00000012-PHOTO.jpg>\n"
    )
    assert new(whatsapp(tmp_path, "_chat.txt", iphone)) == ["Conversation of Oma: 1 message."]
    french = (
        "24/11/2026 à 18:03 - Papa: Tu as mangé ?\n24/11/2026 à 18:04 - Alex: Oui\n"
        "24/11/2026, 18:05 - Alex: <Médias omis>\n"
    )
    found = whatsapp(tmp_path, "Discussion WhatsApp avec Papa.txt", french)
    assert new(found) == ['Conversation of Papa, Alex in "Papa": 2 messages.']


def test_an_export_that_comes_in_several_files_is_imported_whole(tmp_path: Path) -> None:
    whole = json.loads((SAMPLES / "chatgpt" / "conversations.json").read_text())
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        for number, part in enumerate((whole[:20], whole[20:])):
            archive.writestr(f"conversations-{number:03}.json", json.dumps(part))
    found = lines(tmp_path / "export.zip")
    assert new(found) == new(lines(SAMPLES / "chatgpt" / "conversations.json"))
    assert found[-1].where.startswith("conversations-001.json, conversation ")
    with zipfile.ZipFile(tmp_path / "tables.zip", "w") as archive:
        archive.writestr("a.csv", "Task\nSwept\n")
        archive.writestr("b.csv", "Name,Phone\nBo,1\n")  # it has nothing to do with the other
    assert new(lines(tmp_path / "tables.zip")) == ["Swept"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.xlsx", r"Excel workbook\. Save it as CSV"),
        ("a.docx", r"word processor\. Save it as plain text"),
        ("a.pdf", "this is a PDF"),
        ("a.ods", "spreadsheet of LibreOffice"),
    ],
)
def test_a_file_of_an_office_program_is_called_what_it_is(tmp_path: Path, name: str, message: str) -> None:
    for data in (b"PK\x03\x04 cut short", b"%PDF-1.7 \xe2\xe3"):
        with pytest.raises(BadSource, match=message):
            find(SourceFile(put(tmp_path / name, data)))
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    with pytest.raises(BadSource, match=message):
        find(SourceFile(tmp_path / name))


def test_notes_that_are_no_daily_ones_are_named(tmp_path: Path) -> None:
    put(tmp_path / "v" / "2026-11-24.md", "- Built a kite\n")
    put(tmp_path / "v" / "Projects" / "Kite.md", "- bamboo\n")
    found = lines(tmp_path / "v")
    assert new(found) == ["Built a kite"]
    assert [(line.where, line.why[:13]) for line in found if line.outcome == "left out"] == [
        ("Projects/Kite.md", "no daily note")
    ]


def test_a_renamed_and_grown_chat_gives_the_same_days(tmp_path: Path) -> None:
    data = (SAMPLES / "whatsapp" / "_chat.txt").read_text()
    first = lines(put(tmp_path / "a.txt", data[: data.rindex("\n", 0, len(data) // 2)]), day_first=False)
    second = lines(put(tmp_path / "b.txt", data), day_first=False)
    ids = [line.candidate.id for line in first if line.candidate]
    assert ids == [line.candidate.id for line in second if line.candidate][: len(ids)]


def test_notes_of_which_some_are_empty_or_links_are_read_all_the_same(tmp_path: Path) -> None:
    put(tmp_path / "v" / "2026-11-24.md", "- Built a kite\n")
    put(tmp_path / "v" / "2026-11-25.md", "\n")
    (tmp_path / "v" / "2026-11-26.md").symlink_to("/etc/passwd")
    assert new(lines(tmp_path / "v")) == ["Built a kite"]
    put(tmp_path / "w" / ".obsidian" / "app.json", "{}")
    with pytest.raises(BadSource, match="there are no daily notes in it"):
        lines(tmp_path / "w")


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*/*")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_half_of_a_sample_is_read_or_refused_in_words(tmp_path: Path, path: Path) -> None:
    if path.is_dir() or path.name.endswith((".drops.jsonl", ".options")):
        return
    data = path.read_bytes()
    try:
        found = lines(put(tmp_path / path.name, data[: len(data) // 2 + 1]), day_first=True)
    except (BadSource, WrongOption) as err:
        message = str(err)
    else:
        message = "; ".join(line.why for line in found)
        assert found
    assert "the importer of" not in message


# -- others' importers ------------------------------------------------------------------------------------------------


def test_an_importer_of_others_is_found_and_asked_first_and_one_that_fails_harms_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Library:
        ABOUT = "the town library"

        def identify(self, file: SourceFile) -> bool:
            return file.head_text.startswith("LIBRARY")

        def extract(self, file: SourceFile, options: Options) -> Iterator[Item]:
            yield Entry(("1",), {"raw_text": "Read a map."}, "line 2")
            raise ZeroDivisionError

    class Broken(Library):
        def identify(self, file: SourceFile) -> bool:
            raise builtins.ValueError

    def load_broken() -> object:
        raise ImportError

    points = [
        SimpleNamespace(name="gone", load=load_broken),
        SimpleNamespace(name="broken", load=Broken),
        SimpleNamespace(name="library", load=Library),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == registry.GROUP else [])
    registry.forms.cache_clear()
    try:
        path = put(tmp_path / "a.csv", "LIBRARY LOG\nx\n")
        assert find(SourceFile(path))[0] == "library"
        found: list[Line] = []
        with pytest.raises(BadSource, match=r"the importer of 'library' failed \(ZeroDivisionError\)"):
            found.extend(
                line for line, _ in proposals(Request(SourceFile(path), "library", "alex", Options()), Settings())
            )
        assert new(found) == ["Read a map."]
    finally:
        registry.forms.cache_clear()
