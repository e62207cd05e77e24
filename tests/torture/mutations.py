"""Break the program on purpose, one thing at a time, and see that a test catches it.

    python -m tests.torture.mutations [--only WORD ...] [--jobs N] [--table]

Each mutation is a change of one place in a copy of the package: a sync left out, two steps swapped, a check dropped.
The test that is there to catch it is run against the copy and must fail; against the unchanged copy all must pass. A
place that is no longer found is an error too: then the mutation must be brought up to date.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click
import recursion_gate

__all__ = ["MUTATIONS", "Mutation", "main", "table"]

_HERE = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Mutation:
    """One deliberate fault, and the test that must catch it."""

    about: str
    file: str
    was: str
    now: str
    test: str

    def apply(self, package: Path) -> None:
        """Make the change in a copy of the package. Raises click.ClickException when its place is not found."""
        path = package / self.file
        text = path.read_text()
        if text.count(self.was) != 1:
            raise click.ClickException(f"'{self.about}': its place stands {text.count(self.was)} times in {self.file}")
        path.write_text(text.replace(self.was, self.now))


_CRASH, _POWER = "tests/scenarios/test_crash_points.py", "tests/scenarios/test_power_loss.py"
_ERROR = "tests/scenarios/test_every_error.py"
_HAND = "tests/scenarios/test_hand_edits.py"
_CHAIN = f"{_CRASH}::test_killed_again_and_again_in_the_recovery_it_still_leads_to_the_same_bytes"
_KILL = f"{_CRASH}::test_a_kill_before_after_or_in_any_call_leads_to_the_same_bytes"
_CUT = f"{_POWER}::test_every_tree_that_a_power_cut_may_leave_leads_to_the_same_bytes"
_LONG = f"{_POWER}::test_so_do_those_of_longer_stories"
_UNDO, _FORGET, _TOLD = (
    "tests/engine/test_undo.py",
    "tests/engine/test_forget.py",
    "tests/audit/test_forgetting.py",
)
_UNSYNCED_USER = f"{_POWER}::test_a_user_whose_folders_nobody_has_synced_loses_nothing_either"

MUTATIONS = (
    # -- a sync left out ----------------------------------------------------------------------------------------------
    Mutation(
        "a file that takes another's place is not synced first",
        "disk/atomic.py",
        "        if sync:\n            calls.fsync(fd)\n",
        "",
        f"{_CUT}[one]",
    ),
    Mutation(
        "receipts are not synced",
        "disk/atomic.py",
        "            calls.fsync(fd)\n        except OSError as err:\n            with",
        "        except OSError as err:\n            with",
        f"{_CUT}[one]",
    ),
    Mutation(
        "the gate's folder is not synced before the drop is removed",
        "engine/apply.py",
        "    atomic.sync_folder(state.place.home)\n",
        "",
        f"{_CUT}[one]",
    ),
    Mutation(
        "the Record's folder is not synced before the candidate leaves the gate",
        "engine/record_files.py",
        "        if self._wanted:\n            atomic.sync_folder(place.home)\n",
        "",
        f"{_CUT}[one]",
    ),
    Mutation(
        "the reason is not synced before the file is refused",
        "engine/refuse.py",
        "    atomic.replace(why, _why(name, place, refusal.in_full, refusal.remedy, what, record_too).encode())\n",
        "    atomic.replace(why, _why(name, place, refusal.in_full, refusal.remedy, what, record_too).encode(),"
        " sync=False)\n",
        f"{_CUT}[refused]",
    ),
    Mutation(
        "the folder of the reasons is not synced before the file is refused",
        "engine/refuse.py",
        "    atomic.sync_folder(place.problems)\n    try:\n",
        "    try:\n",
        f"{_CUT}[refused]",
    ),
    Mutation(
        "baseline.json is not synced",
        "engine/merge.py",
        "atomic.replace(place.baseline, baseline.bytes_of(place))",
        "atomic.replace(place.baseline, baseline.bytes_of(place), sync=False)",
        f"{_CUT}[one]",
    ),
    Mutation(
        "a decided card is removed before its filed copy is synced",
        "engine/filing.py",
        "_file_card(*months[which], receipt, data, first, sync=len(decided) < _MANY)",
        "_file_card(*months[which], receipt, data, first, sync=False)",
        f"{_CUT}[one]",
    ),
    Mutation(
        "many decided cards are removed before their filed copies are synced",
        "engine/filing.py",
        "        atomic.sync_disk(place.receipts)\n",
        "        pass\n",
        f"{_LONG}[many]",
    ),
    Mutation(
        "a user's folders that others made are treated as durable",
        "engine/reconcile.py",
        "                atomic.sync_disk(folder)\n",
        "                pass\n",
        f"{_UNSYNCED_USER}[False]",
    ),
    Mutation(
        "a user's folders that others made while it runs are treated as durable",
        "engine/reconcile.py",
        "        if self._synced != seen:\n",
        "        if not self._synced:\n",
        f"{_UNSYNCED_USER}[True]",
    ),
    Mutation(
        "a killed daemon's unsynced files are treated as durable",
        "engine/reconcile.py",
        "                atomic.sync_disk(folder)\n",
        "                pass\n",
        f"{_POWER}::test_what_a_killed_daemon_had_not_synced_is_synced_before_anything_is_built_on_it[one]",
    ),
    Mutation(
        "a card that returns with a note is not synced",
        "engine/apply.py",
        "    atomic.sync_folder(state.place.pending)\n",
        "",
        f"{_CUT}[contradiction]",
    ),
    Mutation(
        "the command `stage` returns before its drop has a durable name",
        "disk/deliver.py",
        "    if sync:\n        _sync_names([target], folder)\n    return Path(target)\n",
        "    return Path(target)\n",
        f"{_POWER}::test_a_drop_that_was_staged_is_on_disk_when_the_command_returns",
    ),
    Mutation(
        "a new user's files are not synced before the user is there",
        "admin/setup.py",
        '.replace(b"{name}", name.encode()), sync=True)',
        '.replace(b"{name}", name.encode()))',
        f"{_POWER}::test_a_new_user_is_there_as_a_whole_or_not_at_all",
    ),
    Mutation(
        "a Record file that somebody saves at that moment is written over",
        "disk/atomic.py",
        "    if still(temp):\n",
        "    if True:\n",
        f"{_HAND}::test_a_save_while_a_merge_is_under_way_is_kept",
    ),
    Mutation(
        "a Record file that is being saved is merged into",
        "engine/record_files.py",
        "        if seen.open_elsewhere:\n            raise BeingSaved(path, display_path)\n",
        "",
        f"{_HAND}::test_a_record_file_that_is_being_saved_in_place_is_waited_for",
    ),
    Mutation(
        "a new chain begins where receipts are gone",
        "store/ledger.py",
        "        if self._decided.had_some(self.place) or filed.months(self.place):\n",
        "        if False:\n",
        "tests/store/test_ledger.py::test_receipts_that_are_gone_are_not_begun_anew",
    ),
    Mutation(
        "an incomplete second card counts for nothing",
        "engine/observe_cards.py",
        "        if staged is None or candidate_id in look.unsettled:\n",
        "        if staged is None:\n",
        "tests/engine/test_merge.py::test_nothing_is_merged_while_a_second_card_of_the_entry_may_still_be_being_written",
    ),
    Mutation(
        "a file renamed over another is removed in its place",
        "disk/aside.py",
        "        if still(aside):\n",
        "        if True:\n",
        "tests/scenarios/test_renames.py::test_a_drop_renamed_over_another_between_look_and_removal_is_staged_too",
    ),
    Mutation(
        "a daemon that has lost its place writes its receipts",
        "engine/merge.py",
        "    state.hooks.check()\n    return ledger.append(drafts)\n",
        "    return ledger.append(drafts)\n",
        "tests/disk/test_lock.py::test_a_holder_that_has_lost_its_place_ends_before_the_next_write",
    ),
    # -- two steps swapped --------------------------------------------------------------------------------------------
    Mutation(
        "the Record before the receipt",
        "engine/merge.py",
        "    receipts = write_receipts(state, drafts)\n    texts.write()\n",
        "    texts.write()\n    receipts = write_receipts(state, drafts)\n",
        f"{_CHAIN}[one]",
    ),
    Mutation(
        "the gate before the Record",
        "engine/merge.py",
        "    texts.write()\n    change_gate(state, receipts)\n    state.events.say_all",
        "    change_gate(state, receipts)\n    texts.write()\n    state.events.say_all",
        _KILL,
    ),
    Mutation(
        "the drop is removed before the gate is written",
        "engine/apply.py",
        "    if new:\n        state.hooks.check()\n",
        "    for stage in stages:\n        atomic.remove(stage.path)\n    if new:\n        state.hooks.check()\n",
        _KILL,
    ),
    Mutation(
        "the decided card is removed before it is filed",
        "engine/merge.py",
        "    state.events.say_all((r.action,",
        "    for each in decided:\n        atomic.remove(each.decision.cards[0].path)\n"
        "    state.events.say_all((r.action,",
        _KILL,
    ),
    Mutation(
        "a file is refused before its reason is there",
        "engine/refuse.py",
        "    why = place.problems / (kept + _WHY)\n    atomic.replace",
        "    why = place.problems / (kept + _WHY)\n    atomic.move(path, place.problems / kept)\n"
        "    atomic.move(place.problems / kept, path)\n    atomic.replace",
        f"{_CHAIN}[refused]",
    ),
    # -- a step left out, a check dropped -----------------------------------------------------------------------------
    Mutation(
        "work that a stop cut short is not finished",
        "engine/recover.py",
        "    _finish(state)\n",
        "",
        _KILL,
    ),
    Mutation(
        "the torn end of the receipts is not cut off",
        "store/ledger.py",
        "            self._cut(end.size)\n",
        "            pass\n",
        _KILL,
    ),
    Mutation(
        "the line end that a receipt lacks is not put back",
        "store/ledger.py",
        '            atomic.append(place.ledger, b"\\n")\n',
        "            pass\n",
        f"{_CUT}[one]",
    ),
    Mutation(
        "a line of another receipt counts for this one",
        "store/recovery.py",
        "    before = _earlier(ledger, receipts[0].seq, {name for name in shared if name}) if shared else"
        " Counter[Place]()\n",
        "    before = Counter[Place]()\n",
        f"{_CHAIN}[same-line]",
    ),
    Mutation(
        "of two contrary cards the one that a stop left over counts",
        "engine/decide.py",
        "_contradiction(these.cards) or _cut_short(these)",
        "_contradiction(these.cards)",
        f"{_CHAIN}[contradiction]",
    ),
    Mutation(
        "a copy of a decided card counts as edited since",
        "engine/observe_cards.py",
        ".candidate not in carried_out",
        ".edited",
        f"{_CHAIN}[copies]",
    ),
    Mutation(
        "a made id depends on when the drop is read",
        "formats/drops.py",
        'digest = short_hash(f"{name!r} {where} {mtime_ns} ".encode() + data, 7)',
        'import time; digest = short_hash(f"{name!r} {where} {time.time_ns()} ".encode() + data, 7)',
        _KILL,
    ),
    Mutation(
        "a file is written in place",
        "disk/atomic.py",
        "    temp = _write_temp(os.path.dirname(path), data, sync=sync, like=like)\n    if still",
        "    fd = calls.open(str(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)\n    write_all(fd, data)\n"
        "    calls.fsync(fd)\n    calls.close(fd)\n    return True\n    temp = ''\n    if still",
        f"{_CHAIN}[one]",
    ),
    Mutation(
        "a card torn by a power cut counts as whole",
        "engine/pending.py",
        "        return candidate is not None and cards.is_torn(data, self.clean(candidate))\n",
        "        return False\n",
        f"{_CUT}[one]",
    ),
    Mutation(
        "a reason takes the place of a refused file that is called like it",
        "engine/refuse.py",
        "(untrusted.mark_at(why) is None or _is_why(why))",
        "True",
        "tests/engine/test_stage.py::test_a_reason_never_takes_the_place_of_a_refused_file_that_is_called_like_it",
    ),
    Mutation(
        "an error of the disk ends the daemon",
        "engine/reconcile.py",
        "        except OSError as err:\n            return self._stopped(user, _in_words(self.root, err), None)\n",
        "        except OSError:\n            raise\n",
        f"{_ERROR}::test_any_call_may_fail_once[EIO]",
    ),
    Mutation(
        "after an error it tries again at once",
        "engine/reconcile.py",
        "        return Outcome(due=wait, failed=failed)\n",
        "        return Outcome(due=0.0, failed=failed)\n",
        f"{_ERROR}::test_from_any_call_on_the_disk_may_fail_for_a_while[ENOSPC]",
    ),
    Mutation(
        "after an error the state in memory is trusted",
        "engine/reconcile.py",
        "        self._states.pop(user, None)  # read everything again",
        "        # read everything again",
        f"{_ERROR}::test_any_call_may_fail_once[ENOSPC]",
    ),
    Mutation(
        "a file that could not be moved once is left for good",
        "engine/settle.py",
        "        return left > 0\n",
        "        return True\n",
        f"{_ERROR}::test_refusing_and_returning_may_fail_too[EACCES]",
    ),
    Mutation(
        "on a full disk the status says nothing",
        "service/status_file.py",
        "            atomic.overwrite(self._path, data)\n",
        "            raise\n",
        f"{_ERROR}::test_on_a_full_disk_it_lives_says_so_loses_nothing_and_goes_on_when_there_is_room",
    ),
    Mutation(
        "without an open file to spare the status says nothing",
        "service/status_file.py",
        "        self.close()  # now this process may open one more file, even if it was at its limit\n",
        "",
        f"{_ERROR}::test_without_an_open_file_to_spare_it_lives_says_so_and_goes_on_when_there_is_one",
    ),
    Mutation(
        "a gate that does not parse counts as empty",
        "formats/gate_json.py",
        "    except ValidationError as err:\n",
        "    except ValidationError as err:\n        return []\n",
        f"{_ERROR}::test_users_whose_files_do_not_parse_are_parked_and_the_others_go_on",
    ),
    Mutation(
        "a card that is put into both folders while they are listed is seen in one of them",
        "engine/observe_cards.py",
        "    if look.is_whole and again - first:\n",
        "    if False:\n",
        "tests/engine/test_merge.py::test_a_card_put_into_both_while_they_are_listed_counts_for_neither",
    ),
    Mutation(
        "a user whose disk failed is looked at for another reason, and then no more",
        "service/run_queue.py",
        "        other.pop(user, None)  # one turn serves both\n",
        "",
        "tests/service/test_run_queue.py::test_a_user_on_whom_the_disk_failed_rests_and_is_looked_at_again",
    ),
    Mutation(
        "known drops wait until a flood is over",
        "engine/decide.py",
        "at_once or not new)",
        "at_once)",
        "tests/engine/test_stage.py::test_drops_that_are_known_are_taken_away_at_once"
        "_so_that_a_daemon_that_is_killed_again_and_again_gets_on",
    ),
    # -- after the decision -------------------------------------------------------------------------------------------
    Mutation(
        "the Record before the receipt, where a decision is taken back",
        "engine/undo.py",
        "    [made] = write_receipts(state, [draft])\n    texts.write()\n",
        "    texts.write()\n    [made] = write_receipts(state, [draft])\n",
        f"{_CHAIN}[undo]",
    ),
    Mutation(
        "what is taken back does not come back to the gate",
        "engine/merge.py",
        "            state.gate.add(state.as_staged(receipt))\n",
        "            pass\n",
        f"{_UNDO}::test_an_approval_that_is_taken_back_leaves_the_record_as_it_was",
    ),
    Mutation(
        "the gate is not synced before the request in undo/ is removed",
        "engine/merge.py",
        'if any(receipt.action == "undone" for receipt in receipts):',
        "if False:",
        f"{_CUT}[undo-rejection]",
    ),
    Mutation(
        "a user is at rest while something is forgotten in part",
        "store/index.py",
        "            return os.stat(ledger).st_size == (known or 0)\n",
        "            return os.stat(ledger).st_size >= (known or 0)\n",
        f"{_FORGET}::test_killed_at_any_call_and_the_request_removed_it_is_finished_all_the_same",
    ),
    Mutation(
        "forgetting that a stop cut short is not finished",
        "engine/recover.py",
        "    finish_forgetting(state)\n",
        "",
        f"{_FORGET}::test_killed_at_any_call_and_the_request_removed_it_is_finished_all_the_same",
    ),
    Mutation(
        "the receipts are erased before the cards",
        "engine/forget.py",
        "    _sweep(state, traces, said)  # before the gate, which alone has the text of what still waits\n",
        "    if changed := traces.changed:\n        state.hooks.check()\n        state.ledger.erase(changed)\n"
        "    _sweep(state, traces, said)\n",
        f"{_CHAIN}[forget-retracted]",
    ),
    Mutation(
        "a receipt is erased without padding",
        "core/receipt.py",
        '    data["padding"] = " " * (short + 1)\n',
        '    data["padding"] = None\n',
        f"{_TOLD}::test_it_holds_with_every_kind_of_receipt",
    ),
    Mutation(
        "the index does not learn which entries rest on which",
        "store/index.py",
        "                        about.append((place.user, other, is_link, at))\n",
        "                        pass\n",
        f"{_UNDO}::test_an_approval_that_a_later_entry_rests_on_stays",
    ),
    Mutation(
        "a line that is put back goes to the end of its section",
        "formats/record_change.py",
        "    if not where:\n        return insert",
        "    if True:\n        return insert",
        f"{_UNDO}::test_a_retraction_takes_the_lines_out",
    ),
    Mutation(
        "an entry that was superseded can be superseded again",
        "core/entry.py",
        "    gone = next((r for r in later.values() if r.target and act_key(r.target) == key), None)\n",
        "    gone = None\n",
        f"{_UNDO}::test_of_two_proposals_about_one_entry_the_second_returns_with_a_note",
    ),
    Mutation(
        "what is dropped under a forgotten id is kept with its text",
        "engine/apply.py",
        "    if action.forgotten:\n",
        "    if not action.forgotten:\n",
        "tests/engine/test_forget.py::test_a_drop_of_a_forgotten_id_is_refused_and_its_text_is_not_kept",
    ),
    Mutation(
        "a file with a forgotten id may lie there without its reason",
        "engine/refuse.py",
        "    atomic.sync_folder(place.problems)  # so that at no instant",
        "    pass  # so that at no instant",
        "tests/scenarios/test_power_loss.py::test_so_do_those_of_longer_stories[forget-again]",
    ),
    Mutation(
        "a candidate gets a second card while its torn one is still to be read",
        "engine/turn.py",
        "    if not names:\n",
        "    if names or not names:\n",
        "tests/engine/test_turn_limits.py"
        "::test_a_torn_card_that_a_turn_does_not_come_to_is_replaced_by_the_next_one[number]",
    ),
    Mutation(
        "a correction whose card shows other lines than go is carried out",
        "engine/turn.py",
        "        if links.shows_what_it_adds(action, self._state.cards.effect, self._old_lines):\n",
        "        if True:\n",
        f"{_UNDO}::test_where_the_record_was_edited_since_the_card_returns_and_shows_it[fields0]",
    ),
    Mutation(
        "the lines that go of an entry that came with the Record are not accounted for",
        "audit/record_lines.py",
        "        self._seeds.add(about)\n        return {",
        "        return {} and {",
        "tests/store/test_seeds.py::test_a_retraction_and_then_nothing_more_is_about_it",
    ),
    Mutation(
        "two corrections of one entry that are approved at once are both carried out",
        "engine/links.py",
        "            self._gone[action.old.key] = action.decision.staged.id\n",
        "            pass\n",
        f"{_UNDO}::test_both_in_one_move",
    ),
    Mutation(
        "a second decision has the filed card of the first",
        "engine/filing.py",
        "    return 1 if again and id_hash(receipt.candidate_id) in again else 0\n",
        "    return 0\n",
        f"{_CHAIN}[undo-and-again]",
    ),
    Mutation(
        "a line written by hand that a receipt has taken out counts as put back",
        "store/recovery.py",
        "count - max(0, before[place])",
        "count - before[place]",
        f"{_CHAIN}[correct-elsewhere]",
    ),
    Mutation(
        "a drop with the id that lies in the inbox is not forgotten",
        "engine/forget.py",
        "    for folder in [place.inbox, *map(",
        "    for folder in [*map(",
        f"{_FORGET}::test_a_drop_with_its_id_that_lies_in_the_inbox[False]",
    ),
    Mutation(
        "a retraction whose text was forgotten can be taken back",
        "core/entry.py",
        "    if last.is_erased:",
        "    if False:",
        f"{_FORGET}::test_a_retraction_whose_entry_is_forgotten_cannot_be_taken_back",
    ),
    Mutation(
        "a text that somebody erased counts as forgotten",
        "audit/verify.py",
        "        if told.erased_for_nothing(receipt):\n",
        "        if False:\n",
        f"{_TOLD}::test_a_text_that_somebody_erases_without_forgetting_is_found[a0]",
    ),
    Mutation(
        "a forgotten text that was put back into the receipts is not found",
        "audit/verify.py",
        "        elif named := told.still_says(receipt):\n",
        '        elif named := "":\n',
        f"{_TOLD}::test_an_older_copy_of_the_receipts_line_by_line_is_found",
    ),
)


def table() -> str:
    """The deliberate faults and their tests, as docs/reliability.md lists them."""
    rows = [f"| {m.about} | `{m.test.removeprefix('tests/')}` |" for m in MUTATIONS]
    return "\n".join(["| the fault | the test that catches it |", "|---|---|", *rows])


def _run(package: Path, tests: list[str]) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": str(package.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--no-header", *tests]
    return subprocess.run(command, cwd=_HERE, env=env, capture_output=True, text=True, timeout=300, check=False)


def _copy(folder: Path) -> Path:
    package = folder / "recursion_gate"
    shutil.copytree(Path(recursion_gate.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    return package


def _first_failure(said: str) -> str:
    lines = [line for line in said.splitlines() if line.startswith("E  ")]
    return lines[0][2:].strip()[:110] if lines else "it does not run at all"


@click.command()
@click.option("--only", multiple=True, metavar="WORD", help="Only the mutations with this word in them.")
@click.option("--jobs", default=1, show_default=True, help="How many at a time.")
@click.option("--table", "as_table", is_flag=True, help="Only print the table for docs/reliability.md.")
def main(only: tuple[str, ...], jobs: int, as_table: bool) -> None:
    """Run each mutation's test against a copy of the program with that fault in it."""
    if as_table:
        click.echo(table())
        return
    chosen = [m for m in MUTATIONS if not only or any(word in m.about for word in only)]
    with tempfile.TemporaryDirectory(prefix="recursion-gate-") as name, ThreadPoolExecutor(jobs) as pool:
        whole = _copy(Path(name) / "whole")
        for mutation in chosen:  # before anything is run: a place that is not found is found out at once
            mutation.apply(_copy(Path(tempfile.mkdtemp(dir=name))))
        click.echo("the unchanged program: ", nl=False)
        unchanged = _run(whole, sorted({m.test for m in chosen}))
        if unchanged.returncode:
            raise click.ClickException(f"the tests fail on it:\n{unchanged.stdout[-3000:]}")
        click.echo("all tests pass\n")

        def try_one(mutation: Mutation) -> tuple[Mutation, subprocess.CompletedProcess[str]]:
            package = _copy(Path(tempfile.mkdtemp(dir=name)))
            mutation.apply(package)
            return mutation, _run(package, [mutation.test])

        missed = 0
        for mutation, ran in pool.map(try_one, chosen):
            caught = ran.returncode == 1 and "NameError" not in ran.stdout  # else the fault itself is out of date
            missed += not caught
            click.echo(f"{'caught' if caught else 'NOT CAUGHT':<12}{mutation.about}")
            click.echo(f"{'':<12}{mutation.test}")
            click.echo(f"{'':<12}{_first_failure(ran.stdout) if ran.returncode else '-'}")
    click.echo(f"\n{len(chosen)} mutations, {len(chosen) - missed} caught, {missed} not")
    if missed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
