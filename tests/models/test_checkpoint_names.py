"""Names and paths of checkpoints."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vidcolor.errors import UnknownCheckpointError
from vidcolor.models import checkpoint, checkpoint_names


@pytest.fixture
def shipped(untrained_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped checkpoints with the default and another one."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for name in ("zeta", "filmnet", "alpha"):
        (folder / f"{name}.safetensors").write_bytes(untrained_checkpoint.read_bytes())
    (folder / "filmnet.md").write_text("its card")
    monkeypatch.setattr(checkpoint_names, "shipped_folder", lambda _kind: folder)
    return folder


def test_default_and_names_are_found(shipped: Path) -> None:
    assert checkpoint_names.resolve("default") == shipped / "filmnet.safetensors"
    assert checkpoint_names.resolve("alpha") == shipped / "alpha.safetensors"
    path = shipped / "zeta.safetensors"
    assert checkpoint_names.resolve(path) == checkpoint_names.resolve(str(path)) == path


@pytest.mark.usefixtures("shipped")
def test_list_begins_with_the_default() -> None:
    assert [info.path.stem for info in checkpoint_names.list_shipped()] == [
        "filmnet",
        "alpha",
        "zeta",
    ]


@pytest.mark.usefixtures("shipped")
def test_unknown_name_suggests_a_close_one() -> None:
    with pytest.raises(UnknownCheckpointError, match=r"did you mean 'filmnet'\?"):
        checkpoint.load_checkpoint("filmnt")
    with pytest.raises(UnknownCheckpointError, match="alpha, filmnet, zeta"):
        checkpoint.load_checkpoint("/no/such/file.safetensors")


def test_folder_is_not_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(UnknownCheckpointError, match="is a folder"):
        checkpoint.load_checkpoint(tmp_path)


def test_missing_default_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_kind: str) -> Path:
        raise FileNotFoundError

    monkeypatch.setattr(checkpoint_names, "shipped_folder", missing)
    assert checkpoint_names.list_shipped() == []
    with pytest.raises(UnknownCheckpointError, match="none are shipped"):
        checkpoint.load_checkpoint("default")


def test_reading_metadata_does_not_load_torch(untrained_checkpoint: Path) -> None:
    code = (
        "import sys\n"
        "from vidcolor.models import list_shipped, read_info\n"
        f"print(read_info({str(untrained_checkpoint)!r}).name, len(list_shipped()) > 0)\n"
        "print('torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["untrained", "True", "False"]
