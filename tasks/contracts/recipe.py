"""A recipe: one YAML file that is the whole run.

Sections are the parameters of the steps themselves, so that each is described once. `docs/recipe.schema.json` is
generated from here (`make schema`).
"""

from __future__ import annotations

from pydantic import ConfigDict, Field, model_validator

from featherline.tasks.contracts.auto import PREFIX, Auto
from featherline.tasks.contracts.base import Address, Contract, Name, Prose, Words
from featherline.tasks.contracts.candidate import CandidateTemplate
from featherline.tasks.contracts.fit import Fit
from featherline.tasks.contracts.keys import keys_of
from featherline.tasks.contracts.modalities.parameters import PreprocessingChoice
from featherline.tasks.contracts.model import Architecture, BuilderName, Options
from featherline.tasks.contracts.quality import QualityDrop
from featherline.tasks.contracts.steps.evaluate import EvaluateParams
from featherline.tasks.contracts.steps.preprocess import PreprocessParams
from featherline.tasks.contracts.steps.search import SearchParams
from featherline.tasks.contracts.steps.select import Approval, Objective
from featherline.tasks.contracts.steps.validate_data import ValidateDataParams
from featherline.tasks.contracts.steps.validate_metrics import GateRules
from featherline.tasks.contracts.steps.validate_model import ValidateModelParams
from featherline.tasks.contracts.transfer import Freezing, Head


class DataSection(PreprocessParams):
    """Where the examples come from, how they are split, and the rules of the data gate."""

    checks: ValidateDataParams = ValidateDataParams()


class ModelSection(Contract):
    """The float baseline: a network to build and train, or a file to start from."""

    builder: BuilderName | None = Field(
        None, description="resnet, mobilenet, cnn, ds_cnn, or your own module:function."
    )
    options: Options = Field({}, description="Of the builder.")
    file: Address | None = Field(None, description="A .keras or .h5 file or SavedModel folder, path or s3://.")
    head: Head | None = Field(
        None,
        description="new, or a section: the file's own end is cut off, whatever it gives, and a head for these data "
        "takes its place. Without it the file ends as the data need.",
    )
    preprocessing: PreprocessingChoice = Field(
        "auto",
        description="From a value to the model's input: data, raw, unit, symmetric, imagenet, caffe, or scale, mean, "
        "std and channel_order; auto finds that of a file, and is data for a network that is built.",
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> ModelSection:
        if (self.builder is None) == (self.file is None):
            raise ValueError("either builder or file, and not both")
        if self.head is not None and self.file is None:
            raise ValueError("file beside head: what is built has a head of its own")
        return self

    def architecture(self) -> Architecture | None:
        """Return what to build, where something is built."""
        return None if self.builder is None else Architecture(builder=self.builder, options=self.options)


class TrainSection(Fit, Freezing):
    """How the float baseline is trained, and the rules of the teacher's gate."""

    checks: ValidateModelParams = ValidateModelParams()

    def fit(self) -> Fit:
        """Return how the network learns."""
        return Fit(**{name: getattr(self, name) for name in Fit.model_fields})

    def freezing(self) -> Freezing:
        """Return which of its layers do not."""
        return Freezing(**{name: getattr(self, name) for name in Freezing.model_fields})


class SearchSection(SearchParams):
    """The architecture search. The device's budget holds unless this one says otherwise."""

    keep: int = Field(1, ge=0, le=64, description="Architectures that get a full training.")


class Candidates(Contract):
    """What is tried, by name, one lane each or more; and `auto`, which proposes lanes by itself."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[Name, CandidateTemplate]

    auto: Auto | None = Field(None, description="Lanes that the planner proposes, in rounds that learn.")

    @model_validator(mode="after")
    def _something_is_tried(self) -> Candidates:
        if self.auto is None and not self.templates:
            raise ValueError("at least one candidate, or auto")
        if self.auto is not None and any(name.startswith(PREFIX) for name in self.templates):
            raise ValueError(f"no candidate named {PREFIX}… beside auto: its own are named so")
        return self

    @property
    def templates(self) -> dict[str, CandidateTemplate]:
        """Return those that the recipe names."""
        return dict(self.__pydantic_extra__)


class GateSection(GateRules):
    """The rules of the release gate, what the winner is chosen by, and how it is measured."""

    objective: Objective = Field("size", description="What the winner has least of (quality: the best).")
    borderline: QualityDrop = Field(
        0.005, description="A winner this close to a rule of quality is for a person to decide."
    )
    measure: EvaluateParams = EvaluateParams()


class ReleaseSection(Contract):
    """What the release is called and who must agree to it."""

    name: Name | None = Field(None, description="In the registry and the store; that of the recipe where absent.")
    author: Words = Field("", description="In the model card and the file's metadata.")
    licence: Words = Field("", description="Likewise.")
    description: Prose = Field("", description="Likewise.")
    golden: int = Field(8, ge=1, le=256, description="Golden vectors to ship.")
    sign: bool = Field(default=True, description="Needs a signing key.")
    approve: Approval = Field(
        "borderline", description="When a person decides in the UI whether the version becomes champion."
    )
    accept_unproven: bool = Field(
        default=False,
        description="With approve: never, promote also what the test examples cannot prove.",
    )


class Recipe(Contract):
    """The whole run."""

    name: Name
    description: Prose = ""
    data: DataSection
    model: ModelSection
    train: TrainSection = TrainSection()
    search: SearchSection = SearchSection()
    candidates: Candidates
    device: Name = Field(description="A file of recipes/devices.")
    gate: GateSection = GateSection()
    release: ReleaseSection = ReleaseSection()


def known_keys() -> dict[str, list[str]]:
    """Return the keys of each section by its dotted path (`*` for any name), for close matches to a typo."""
    return keys_of(Recipe) | {"candidates.*": list(CandidateTemplate.model_fields)}
