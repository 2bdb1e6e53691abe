"""A run described in a file: source, model, sinks and checkpoint policy, for ``trophic run CONFIG.toml``.

    [model]
    kind = "Ecology"
    f_min_hz = 45.0
    f_max_hz = 65.0

    [source]
    kind = "tcp"
    port = 7007
    format = "csv"              # lines of numbers; without sample_rate_hz the first is the time in seconds
    sample_rate_hz = 1000.0

    [checkpoint]
    path = "mains.safetensors"
    every_s = 60.0

    [[sinks]]
    kind = "jsonl"
    path = "mains.jsonl"

Paths are relative to the file. docs/reliability.md and docs/live.md list every key.
"""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trophic
from trophic.runtime.contract import Model
from trophic.runtime.kafka import STARTS
from trophic.runtime.mqtt import PROTOCOLS
from trophic.runtime.queues import POLICIES
from trophic.runtime.schema import ConfigError, Key, checked, chosen
from trophic.runtime.sinks import is_measurement
from trophic.runtime.sockets import check_host
from trophic.runtime.streams import PCM_FORMATS

_MAX_BYTES = 1 << 20


def _one_of(names: Any, fix: str, **other: Any) -> Key:
    return Key(str, f"one of {', '.join(names)}", fix, lambda value: value in names, **other)


def _count(fix: str, **other: Any) -> Key:
    return Key(int, "an integer >= 1", fix, lambda n: n >= 1, **other)


def _positive(unit: str, fix: str, **other: Any) -> Key:
    return Key(float, f"a number > 0, in {unit}", fix, lambda x: x > 0, **other)


def _path(fix: str, suffixes: tuple[str, ...] = (), **other: Any) -> Key:
    allowed = f"a path that ends in {' or '.join(suffixes)}" if suffixes else "a path in quotes"
    return Key(str, allowed, fix, lambda text: bool(text) and text.endswith(suffixes or ("",)), required=True, **other)


def _is_ws(url: str) -> bool:
    return url.startswith(("ws://", "wss://"))


def _is_port(number: int) -> bool:
    return 1 <= number <= 65535


def _are_settings(settings: list[str]) -> bool:
    return all(setting.partition("=")[0] and "=" in setting for setting in settings)


_KIND = Key(str, "a name", "see the known ones", required=True)
_NETWORK = {
    "host": Key(str, "an address in quotes", '"127.0.0.1" listens to this machine alone', default="127.0.0.1"),
    "port": Key(int, "an integer in 0..65535", "0 lets the system choose", lambda n: 0 <= n <= 65535, required=True),
    "allow_remote": Key(bool, "true or false", "true lets host be other than this machine", default=False),
}
_RATE = _positive("Hz", "samples per second of each channel")
_QUEUE = {
    "queue_samples": _count("a second or more of the stream is a good size", default=1 << 20),
    "queue_policy": _one_of(POLICIES, "block loses nothing if the sender can wait", default="block"),
}
_BYTES = {
    "kind": _KIND,
    "format": _one_of(("pcm", "csv"), "raw samples or lines of numbers", required=True),
    "dtype": _one_of(PCM_FORMATS, "s16le is what most sound cards give"),
    "sample_rate_hz": _RATE,
}
_LIVE = _BYTES | _QUEUE
_MESSAGES = _BYTES | {"format": _one_of(("json", "csv", "pcm"), "what a message holds", default="json")}
_TOPIC = Key(str, "a name in quotes", "what the sender publishes to", bool, required=True)
_TEXT = Key(str, "text in quotes", "leave it out if the broker asks for none")
_SOURCES: dict[str, dict[str, Key]] = {
    "file": {
        "kind": _KIND,
        "path": _path("the recording to read"),
        "column": Key(str, "a name or number in quotes", "leave it out for every signal in the file"),
        "time_column": Key(str, "a name or number in quotes", "leave it out for the obvious one"),
        "time_unit": Key(str, "one of ns, us, ms, s, min, h, day, year", "leave it out if the file tells"),
        "sample_rate_hz": _positive("Hz", "leave it out if the file tells"),
    },
    "stdin": _LIVE,
    "tcp": _LIVE | _NETWORK,
    "udp": _LIVE | _NETWORK,
    "websocket": _MESSAGES
    | _QUEUE
    | _NETWORK
    | {
        "port": dataclasses.replace(_NETWORK["port"], required=False),
        "url": Key(str, "an address that begins with ws:// or wss://", '"ws://127.0.0.1:8765", for example', _is_ws),
    },
    "mqtt": _MESSAGES
    | _QUEUE
    | {
        "topic": _TOPIC,
        "host": Key(str, "an address in quotes", "where the broker is", bool, default="127.0.0.1"),
        "port": Key(int, "an integer in 1..65535", "1883 is usual, 8883 with tls", _is_port, default=1883),
        "qos": Key(int, "0 or 1", "1 loses nothing when stopped and started again", lambda n: n in (0, 1), default=0),
        "client_id": Key(str, "a name in quotes", "one that no other client of the broker has", bool, default=""),
        "acknowledge": _one_of(("consumed", "saved"), "consumed suits every broker", default="consumed"),
        "protocol": _one_of(PROTOCOLS, "old brokers know 3.1.1 alone", default="5"),
        "username": _TEXT,
        "password_env": Key(str, "the name of an environment variable", "passwords do not belong in this file"),
        "tls": Key(bool, "true or false", "true encrypts", default=False),
    },
    "kafka": _MESSAGES
    | {
        "brokers": Key(str, "host:port, several with commas", '"127.0.0.1:9092", for example', bool, required=True),
        "topic": _TOPIC,
        "partition": Key(int, "an integer >= 0", "a stream is one partition", lambda n: n >= 0, default=0),
        "start": _one_of(STARTS, "where a new learner begins", default="latest"),
        "settings": Key(list, 'a list of "name=value" in quotes', "librdkafka lists the names", _are_settings),
    },
    "microphone": _QUEUE
    | {
        "kind": _KIND,
        "sample_rate_hz": dataclasses.replace(_RATE, required=True),
        "device": Key(str, "a name or part of one, in quotes", "leave it out for the default input"),
    },
}
_MEASUREMENT = Key(str, "a name of letters and digits", '"mains", for example', is_measurement, default="trophic")
_LINES = {
    "kind": _KIND,
    "path": _path("the file that gets a line per chunk"),
    "fields": Key(list, "a list of names in quotes", "leave it out for all"),
    "when": Key(str, "a name in quotes", '"alarm" writes a line per alarm; leave it out for a line per chunk'),
}
_SINKS: dict[str, dict[str, Key]] = {
    "jsonl": _LINES,
    "line_protocol": _LINES
    | {
        "measurement": Key(
            str, "a name of letters and digits", '"mains", for example', is_measurement, default="trophic"
        )
    },
    "table": {
        "kind": _KIND,
        "path": _path("the table of fields of the report", (".parquet", ".csv")),
        "fields": Key(list, "a list of names in quotes", '["time_s", "score"] of a Novelty, say', bool, required=True),
    },
    "tracks": {"kind": _KIND, "path": _path("the table of an Ecology's tracks", (".parquet", ".csv"))},
    "metrics": {"kind": _KIND, **_NETWORK},
}
_CHECKPOINT = {
    "path": _path("the newest checkpoint; older ones get .1, .2 behind it"),
    "every_samples": _count("1000000 loses little of most streams"),
    "every_s": _positive("seconds", "60 loses at most a minute"),
    "keep": _count("3 leaves two to go back to", default=3),
}
_RUN = {
    "chunk_samples": _count("the default 4096 suits most streams", default=4096),
    "seed": Key(int, "an integer >= 0", "0 is as good as any", lambda n: n >= 0, default=0),
}
_SECTIONS = {
    "model": "say which learner, and its parameters",
    "source": "say where the samples come from",
    "run": "how it is run",
    "checkpoint": "when and where it is saved",
    "sinks": "where its reports go",
}


@dataclass(frozen=True)
class RunConfig:
    """A checked description of a run: settings by key, with the defaults filled in.

    Attributes
    ----------
    path : Path
        The file it was read from; the paths in it are relative to its folder.
    model : Model
        The learner.
    source, run : dict
        Settings of the sections ``[source]`` and ``[run]``.
    checkpoint : dict or None
        Those of ``[checkpoint]``.
    sinks : tuple of dict
        Those of every ``[[sinks]]``.
    """

    path: Path
    model: Model[Any, Any]
    source: dict[str, Any]
    run: dict[str, Any]
    checkpoint: dict[str, Any] | None
    sinks: tuple[dict[str, Any], ...]

    def resolve(self, path: str) -> Path:
        """A path of the description, from the folder that the description lies in."""
        return (self.path.parent / path).absolute()


def read_config(path: str | Path) -> RunConfig:
    """Read and check the description of a run.

    Raises
    ------
    ConfigError
        One line: the file, the key, the value, what is allowed and the fix.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "mains.toml")
    ...     _ = file.write_text('model = {kind = "Ecology", f_min_hz = 45, f_max_hz = 65}\\n'
    ...                         'source = {kind = "file", path = "mains.wav"}')
    ...     config = read_config(file)
    >>> config.model.f_max_hz, config.source["path"], config.run["chunk_samples"]
    (65, 'mains.wav', 4096)
    """
    path = Path(path)
    content = _content(path)
    for name in content:
        if name not in _SECTIONS:
            known = ", ".join(_SECTIONS)
            raise ConfigError(f"{path}: there is no section [{name}] (known: {known}); correct or remove it")
    for name in ("model", "source"):
        if name not in content:
            raise ConfigError(f"{path}: needs a section [{name}]; {_SECTIONS[name]}")
    sinks = content.get("sinks", [])
    if not isinstance(sinks, list):
        raise ConfigError(f"{path}: sinks must be a list of tables, got {sinks!r}; write [[sinks]] in double brackets")
    checkpoint = content.get("checkpoint")
    source = _source(path, content["source"])
    if source.get("acknowledge") == "saved" and (checkpoint is None or source["qos"] == 0):
        raise ConfigError(f"{path}: [source] acknowledge = 'saved' needs qos = 1 and a section [checkpoint]")
    return RunConfig(
        path=path,
        model=_model(path, content["model"]),
        source=source,
        run=checked(f"{path}: [run]", content.get("run", {}), _RUN),
        checkpoint=None if checkpoint is None else checked(f"{path}: [checkpoint]", checkpoint, _CHECKPOINT),
        sinks=tuple(_sink(path, number, table) for number, table in enumerate(sinks, start=1)),
    )


def _content(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ConfigError(f"{path}: no such file")
    with path.open("rb") as file:
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise ConfigError(f"{path}: is larger than {_MAX_BYTES} bytes; a run is described in a few lines of TOML")
    try:
        return tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: is not TOML: {error}; text stands in quotes, sections in brackets") from error


def _model(path: Path, table: Any) -> Model[Any, Any]:
    """The constructor of a model knows its parameters and their ranges."""
    where = f"{path}: [model]"
    public = {name: getattr(trophic, name) for name in trophic.__all__}
    kinds = {
        name: kind
        for name, kind in public.items()
        if isinstance(kind, type) and issubclass(kind, Model) and kind is not Model
    }
    kind = kinds[chosen(where, table, kinds)]
    known = [field.name for field in dataclasses.fields(kind)]
    given = {name: _hashable(value) for name, value in table.items() if name != "kind"}
    for name in given:
        if name not in known:
            raise ConfigError(f"{where} {kind.__name__} has no parameter {name!r} (known: {', '.join(known)})")
    try:
        return kind(**given)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where} {error}") from error


def _hashable(value: Any) -> Any:
    """Lists as tuples, and a table (of rules, say) as pairs: a configuration is hashable."""
    if isinstance(value, dict):
        return tuple((name, _hashable(item)) for name, item in value.items())
    return tuple(_hashable(item) for item in value) if isinstance(value, list) else value


def _source(path: Path, table: Any) -> dict[str, Any]:
    where = f"{path}: [source]"
    source = checked(where, table, _SOURCES[chosen(where, table, _SOURCES)])
    if source.get("format") == "pcm":
        for name in ("dtype", "sample_rate_hz"):
            if source[name] is None:
                raise ConfigError(f"{where} needs the key {name} with format = 'pcm'; {_LIVE[name].fix}")
    elif source.get("dtype") is not None:
        raise ConfigError(f"{where} dtype belongs to format = 'pcm', got {source['dtype']!r}; leave it out")
    _check_network(where, source)
    if source["kind"] == "websocket" and (source["url"] is None) == (source["port"] is None):
        raise ConfigError(f"{where} needs either the key url, of a server to read, or port, to listen on")
    if source["kind"] == "mqtt" and source["qos"] == 1 and not source["client_id"]:
        raise ConfigError(f"{where} needs the key client_id with qos = 1: the broker keeps messages under that name")
    return source


def _sink(path: Path, number: int, table: Any) -> dict[str, Any]:
    where = f"{path}: [[sinks]] number {number}:"
    sink = checked(where, table, _SINKS[chosen(where, table, _SINKS)])
    _check_network(where, sink)
    return sink


def _check_network(where: str, table: dict[str, Any]) -> None:
    if "allow_remote" in table:
        try:
            check_host(table["host"], table["allow_remote"])
        except ValueError as error:
            raise ConfigError(f"{where} {error}") from error
