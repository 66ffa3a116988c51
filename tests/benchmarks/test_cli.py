"""The command line as a user meets it: real processes, exit codes, what is printed."""

import csv
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def lines(folder):
    path = folder / "results" / "toy" / "records.jsonl"
    return path.read_text().splitlines() if path.exists() else []


def test_run_writes_records_report_and_tables(write_config, command, tmp_path):
    done = command("run", write_config("Shift", "Raises"))
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "results" / "toy"
    assert len(lines(tmp_path)) == 6
    with (folder / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["status"] for row in rows} == {"ok", "failed"}
    report = (folder / "report.md").read_text()
    assert "the optimiser lost its way" in report
    assert "the optimiser lost its way" in done.stdout
    assert "Only shift of 2 runs succeeded on all" in " ".join(done.stdout.split())
    assert sorted(path.name for path in (folder / "pairs").iterdir()) == [
        "toy-ToyDataset-blobs-0.json"
    ] or list((folder / "pairs").iterdir())


def test_a_report_is_the_same_by_one_process_and_by_two(write_config, command, tmp_path):
    config = write_config("Shift", "Raises", timing={"repeats": 2, "warmup": 0})
    assert command("run", config).returncode == 0
    folder = tmp_path / "results" / "toy"

    def contents():
        return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    by_two = contents()
    assert {".png", ".pdf", ".json", ".csv", ".html"} <= {path.suffix for path in by_two}
    alone = subprocess.run(
        command.start("report", config, "--results-dir", tmp_path / "results"),
        cwd=ROOT,
        preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
        check=True,
        capture_output=True,
    )
    assert b"Report:" in alone.stdout
    assert contents() == by_two


def test_a_second_run_repeats_only_what_is_not_ok(write_config, command, tmp_path):
    config = write_config("Shift", "Raises")
    command("run", config)
    again = command("run", config)
    assert "4 of 6 jobs are already done" in again.stdout
    assert len(lines(tmp_path)) == 8


def test_strict_turns_a_failed_gate_into_exit_code_1(write_config, command):
    gates = [{"metric": "tre_mm", "backend": "identity", "bound": 0.5}]
    config = write_config("Shift", gates=gates)
    assert command("run", config).returncode == 0
    done = command("run", config, "--strict")
    assert done.returncode == 1
    assert "FAIL" in done.stdout
    gates[0]["backend"] = "shift"
    done = command("run", write_config("Shift", gates=gates), "--strict")
    assert done.returncode == 0
    assert "PASS" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "timing.repeets=2"), "timing: unknown key 'repeets' (did you mean 'repeats'?)"),
        (
            ("--set", "runs.1.backend=toy:Shfit"),
            "runs[1].backend: backend 'toy:Shfit': module toy has no class",
        ),
    ],
)
def test_a_usage_error_is_one_line_and_exit_code_2(write_config, command, arguments, message):
    done = command("run", write_config("Shift"), *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_report_is_made_again_from_records_alone(write_config, command, tmp_path):
    config = write_config("Shift")
    command("run", config)
    report = tmp_path / "results" / "toy" / "report.md"
    before = report.read_bytes()
    report.unlink()
    assert command("report", config).returncode == 0
    assert report.read_bytes() == before


def test_report_takes_its_looks_from_the_config_as_it_is_now(write_config, command, tmp_path):
    command("run", write_config("Shift"))
    gate = [{"metric": "tre_mm", "backend": "shift", "bound": 0.5}]
    config = write_config("Shift", title="Another title", gates=gate)
    assert command("report", config, "--set", "report.columns=[ncc]").returncode == 0
    text = (tmp_path / "results" / "toy" / "report.md").read_text()
    assert text.startswith("# Another title")
    assert "Gates passed: 1 of 1." in text
    assert re.search(r"\| Run +\| Track +\| +Pairs ok \| +NCC \|\n", text)


def test_report_of_some_runs_has_a_folder_of_its_own(write_config, command, tmp_path):
    config = write_config("Shift", "Raises")
    command("run", config)
    folder = tmp_path / "results" / "toy"
    whole = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    done = command("report", config, "--only", "run=shift", "--only", "run=identity")
    assert done.returncode == 0, done.stderr
    assert {path: path.read_bytes() for path in whole} == whole
    (report,) = (folder / "selections").rglob("report.md")
    text = report.read_text()
    assert "chosen by run=shift, run=identity" in text
    assert "the optimiser lost its way" in (folder / "report.md").read_text()
    assert "the optimiser lost its way" not in text
    assert "4 of 4 jobs ended ok" in text
    assert (report.parent / "figures").is_dir()
    pictures = re.findall(r"\]\((figures/[^)]+)\)", text)
    assert pictures
    assert all((report.parent / picture).is_file() for picture in pictures)
    assert "chosen by run=shift" in report.with_name("report.html").read_text()
    wrong = command("report", config, "--only", "run=shfit")
    assert wrong.returncode == 2
    assert "no run of this config matches (did you mean 'shift'?)" in wrong.stderr


def test_report_of_what_never_ran_is_a_usage_error(write_config, command):
    done = command("report", write_config("Shift"))
    assert done.returncode == 2
    assert "holds no run yet" in done.stderr


def test_a_report_of_records_that_are_gone_leaves_the_last_one(write_config, command, tmp_path):
    config = write_config("Shift")
    assert command("run", config).returncode == 0
    folder = tmp_path / "results" / "toy"
    report = (folder / "report.md").read_bytes()
    (folder / "records.jsonl").unlink()
    done = command("report", config)
    assert done.returncode == 2
    assert "no job has a record yet" in done.stderr
    assert (folder / "report.md").read_bytes() == report


def test_validate_counts_what_would_run(write_config, command, tmp_path):
    done = command("validate", write_config("Shift"), "--set", "timing.repeats=3", results=False)
    assert done.returncode == 0
    assert "2 runs on 2 pairs, 12 jobs" in done.stdout
    assert lines(tmp_path) == []


def test_validate_reads_no_name_as_markup(write_config, command, tmp_path):
    folder = tmp_path / "c[" / "x]"
    folder.mkdir(parents=True)
    config = write_config().rename(folder / "toy.yaml")
    done = command("validate", config, "--set", "dataset.params.count=1", results=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{config}: valid: 1 run on 1 pair, 1 job\n"


def test_list_shows_names_and_parameters(command):
    overview = command("list", results=False).stdout
    assert "torch_lm" in overview
    assert "template3d" in overview
    assert "sd_log_jacobian" in overview
    assert "model" in command("list", "simpleitk", results=False).stdout
    wrong = command("list", "simpleitc", results=False)
    assert wrong.returncode == 2
    assert "did you mean 'simpleitk'" in wrong.stderr


def test_a_list_of_pairs_that_is_not_there_is_asked_for(command):
    done = command(
        "validate", "configs/pairs_csv.yaml", "--set", "dataset.params.path=none.csv", results=False
    )
    assert done.returncode == 2
    assert "with the columns pair_id, fixed, moving" in done.stderr
    assert "--set dataset.params.path=FILE" in done.stderr


@pytest.mark.parametrize("arguments", [("report", "{}/config.yaml"), ("status", "{}")])
def test_a_published_run_is_told_from_a_results_folder(command, arguments):
    published = Path("docs", "results", "fixtures")
    options = ("--results-dir", published.parent)
    done = command(*(one.format(published) for one in arguments), *options, results=False)
    assert done.returncode == 2
    assert f"{published}: is a published run, not a results folder" in done.stderr
    assert "publish --stored" in done.stderr
    assert f"python -m benchmarks run {published}/config.yaml" in done.stderr


def test_a_run_does_not_write_over_a_published_one(write_config, command, tmp_path):
    folder = tmp_path / "results" / "toy"
    folder.mkdir(parents=True)
    (folder / "records.jsonl.xz").touch()
    done = command("run", write_config("Shift"))
    assert done.returncode == 2
    assert "is a published run" in done.stderr
    assert [path.name for path in folder.iterdir()] == ["records.jsonl.xz"]


def test_ctrl_c_keeps_what_is_done_and_the_same_command_resumes(write_config, command, tmp_path):
    config = write_config("Shift", "Hangs", limits={"timeout_s": 100})
    running = subprocess.Popen(
        command.start("run", config, "--results-dir", tmp_path / "results"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell that runs the tests in the background has them, and what they start, ignore the signal.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    # The two hanging jobs come somewhere in the order; the log of their worker appears when the first one starts.
    log = tmp_path / "results" / "toy" / "logs" / "toy.Hangs.log"
    while not log.exists() and running.poll() is None:
        os.sched_yield()
    os.killpg(running.pid, signal.SIGINT)
    _, stderr = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "the same command continues" in stderr
    kept = lines(tmp_path)
    done = command("run", config, "--set", "limits.timeout_s=3")
    assert done.returncode == 0, done.stderr
    assert lines(tmp_path)[: len(kept)] == kept
    statuses = [line.split('"status":"')[1].split('"')[0] for line in lines(tmp_path)]
    assert sorted(statuses) == ["ok"] * 4 + ["timeout"] * 2
