"""What the body of a submit may look like: a script with all it needs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from domain.execution.job import Environment, Job, Limits, SecretRef
from domain.files import ENTRIES_INLINE_MAX, FILES_MAX, FileSet, file_set
from domain.retry import RETRIES_MAX
from domain.secret import PER_RUN_MAX, steers
from gateway.fields import (
    ARGS_BYTES_MAX,
    ARGS_MAX,
    ENV_BYTES_MAX,
    IMAGE,
    IMAGE_CHARS_MAX,
    IMPORTS_MAX,
    INTERPRETER,
    PRIORITY_MAX,
    WHOLE,
    Arg,
    Bytes,
    Env,
    Module,
    Name,
    Project,
    SecretName,
    Sha256,
    TagMap,
)
from gateway.schemas import Body, FileBody, LimitsBody, check_tree

NO_VERSIONS: Mapping[str, int] = MappingProxyType({})


Interpreter = Annotated[str, StringConstraints(pattern=INTERPRETER)]
Image = Annotated[str, StringConstraints(max_length=IMAGE_CHARS_MAX, pattern=IMAGE)]


class EnvironmentBody(Body):
    """The packages of a script: `lock` is a stored blob that pins every one of them with its hashes."""

    kind: Literal["python", "node"]
    lock: FileBody
    source: Name = ""
    builds: Annotated[bool, Field(strict=True)] = False
    """Packages without a wheel may be built, in a box."""
    imports: Annotated[list[Module], Field(max_length=IMPORTS_MAX, default_factory=list)]
    """Modules of it that the script imports: they are loaded before a warm start."""

    def environment(self) -> Environment:
        """As the job has it."""
        return Environment(self.kind, self.lock.ref(), self.source, self.builds, tuple(self.imports))


class SecretBody(Body):
    """A secret of the account that the run gets, as a variable or as the file /run/secrets/<name>."""

    name: SecretName
    form: Literal["env", "file"] = "env"

    @model_validator(mode="after")
    def _steers_nothing(self) -> Self:
        if self.form == "env" and steers(self.name):
            raise ValueError(f"the variable {self.name} steers how a script starts: take the secret as a file")
        return self


class JobBody(Body):
    """What a run and a batch of runs have in common. Every blob named here must have been uploaded before."""

    script: FileBody
    runtime: Literal["python", "node", "sh"]
    args: Annotated[list[Arg], Field(max_length=ARGS_MAX, default_factory=list)]
    env: Env
    limits: LimitsBody = LimitsBody()
    network: Annotated[bool, Field(strict=True)] = False
    retries: Annotated[int, Field(ge=0, le=RETRIES_MAX, strict=True), WHOLE] = 0
    name: Name = ""
    project: Project = "default"
    tags: TagMap
    priority: Annotated[int, Field(ge=-PRIORITY_MAX, le=PRIORITY_MAX, strict=True), WHOLE] = 0
    memoize: Annotated[bool, Field(strict=True)] = False
    """An earlier run of the same script, inputs and arguments that succeeded may serve instead."""
    environment: EnvironmentBody | None = None
    interpreter: Interpreter = ""
    """The version of Python (`3.12`) or Node (`20`) that it needs; empty: what the node prefers."""
    image: Image = ""
    """The container image to run it in, on a node that runs containers."""
    secrets: Annotated[list[SecretBody], Field(max_length=PER_RUN_MAX, default_factory=list)]
    cold: Annotated[bool, Field(strict=True)] = False
    """It starts in a process of its own from the beginning."""

    @model_validator(mode="after")
    def _texts_bounded_in_sum(self) -> Self:
        if sum(len(arg.encode()) for arg in self.args) > ARGS_BYTES_MAX:
            raise ValueError(f"the arguments have more than {ARGS_BYTES_MAX} bytes together")
        if sum(len(name) + len(text.encode()) for name, text in self.env.items()) > ENV_BYTES_MAX:
            raise ValueError(f"the environment has more than {ENV_BYTES_MAX} bytes")
        return self

    @model_validator(mode="after")
    def _packages_of_its_runtime(self) -> Self:
        if self.environment is not None and self.environment.kind != self.runtime:
            raise ValueError(f"packages for {self.environment.kind} are of no use to a script that {self.runtime} runs")
        return self

    @model_validator(mode="after")
    def _names_stand_for_one_thing(self) -> Self:
        names = [each.name for each in self.secrets]
        twice = sorted({name for name in names if names.count(name) > 1 or name in self.env})
        if twice:
            raise ValueError(f"{twice[0]} is named twice: a secret, and another secret or a variable of that name")
        return self

    def job(self, inputs: FileSet, shared: FileSet, limits: Limits, versions: Mapping[str, int] = NO_VERSIONS) -> Job:
        """`versions` are those of its secrets, which a body cannot know."""
        return Job(
            runtime=self.runtime,
            script=self.script.ref(),
            args=tuple(self.args),
            inputs=inputs,
            shared=shared,
            env=dict(self.env),
            limits=limits,
            network=self.network,
            retries=self.retries,
            environment=self.environment.environment() if self.environment else None,
            interpreter=self.interpreter,
            image=self.image,
            secrets=tuple(SecretRef(each.name, each.form, versions.get(each.name, 0)) for each in self.secrets),
            cold=self.cold,
        )


class SubmitBody(JobBody):
    """A script to run, with all it needs."""

    inputs: Annotated[list[FileBody], Field(max_length=ENTRIES_INLINE_MAX, default_factory=list)]
    inputs_manifest: Sha256 | None = None
    """Instead of `inputs`, for many files: a stored blob with the JSON list of them."""
    inputs_count: Annotated[int, Field(ge=0, le=FILES_MAX, strict=True), WHOLE] = 0
    inputs_size_bytes: Bytes = 0

    @model_validator(mode="after")
    def _inputs_in_one_form(self) -> Self:
        if self.inputs and self.inputs_manifest:
            raise ValueError("the inputs come either as a list or as a manifest")
        if self.inputs_manifest is None and (self.inputs_count or self.inputs_size_bytes):
            raise ValueError("inputs_count and inputs_size_bytes belong to an inputs_manifest")
        check_tree([self.script.path, *(each.path for each in self.inputs)])
        return self

    def input_set(self) -> FileSet:
        if self.inputs_manifest is not None:
            return FileSet(self.inputs_count, self.inputs_size_bytes, (), self.inputs_manifest)
        return file_set(tuple(each.ref() for each in self.inputs))
