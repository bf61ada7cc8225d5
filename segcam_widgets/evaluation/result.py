"""`Faithfulness`: the result of :func:`~segcam_widgets.evaluation.faithfulness`, and who won."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.text.one_line import one_line
from segcam_widgets.errors import SegCamError, must_be_one_of
from segcam_widgets.evaluation.classes import ClassTest
from segcam_widgets.evaluation.curves.cascade import Cascade
from segcam_widgets.evaluation.curves.channels import ChannelTest
from segcam_widgets.evaluation.curves.curves import CHANNELS, MEASURES, TESTS, Curve
from segcam_widgets.evaluation.curves.losses import Loss, loss
from segcam_widgets.evaluation.similarity import Similarity

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Contender:
    """One map of the comparison.

    Attributes
    ----------
    name : str
    kind : {"method", "own map", "reference"}
    title : str
        What it is, in words.
    flat : bool
        It is constant, but for rounding: its order is chance altogether.
    tied : float
        Share of the input's pixels whose value another one has too: their order is chance. In [0, 1].
    likeness : mapping of str to float
        Spearman's correlation with each reference map that is not random, on the logits' grid; nan for a constant map.
    leakage : float
        1 - focus: the share of the map's positive mass that lies outside the region, in [0, 1], the map enlarged to the logits'
        grid; the mean over a random map's draws. An even map has 1 - region share. nan without positive mass.
    """

    name: str
    kind: str
    title: str
    flat: bool
    tied: float
    likeness: Mapping[str, float]
    leakage: float = float("nan")


@dataclass(frozen=True, slots=True)
class Chance:
    """What random maps have in common, pair by pair, as magnitudes.

    Attributes
    ----------
    largest : Similarity
        The largest of all pairs, measure by measure: what a likeness must exceed to be more than chance for sure.
    typical : Similarity
        The median of the pairs: what chance gives as a rule.
    pairs : int
    """

    largest: Similarity
    typical: Similarity
    pairs: int


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """How far maps tell the truth about a network, beside maps that know nothing of it.

    Attributes
    ----------
    query : CamQuery
        Resolved: what the score is.
    subject : str
        The same in words.
    contenders : tuple of Contender
        Methods, own maps, then references.
    curves : tuple of Curve
        Deletion and insertion; see :meth:`curve`.
    classes : tuple of ClassTest
        The random-class test, one per method; empty if it was not asked for.
    cascades : tuple of Cascade
        The parameter randomisation, one per method; empty if it was not asked for or is impossible.
    chance : Chance or None
        What two random maps have in common: the typical pair of draws, and the largest.
    refused : mapping of str to str
        Methods that gave no map here, and why.
    settings : mapping of str to str
        How it was measured, in words: fill, steps, seeds, ranks.
    notes : tuple of str
        What could not be measured.
    channels : ChannelTest or None
        Deletion and insertion of the layer's channels; None where it was not asked for, or no map orders channels.
    """

    query: CamQuery
    subject: str
    contenders: tuple[Contender, ...]
    curves: tuple[Curve, ...] = field(repr=False)
    classes: tuple[ClassTest, ...] = field(repr=False)
    cascades: tuple[Cascade, ...] = field(repr=False)
    chance: Chance | None = field(repr=False)
    refused: Mapping[str, str] = field(repr=False)
    settings: Mapping[str, str] = field(repr=False)
    notes: tuple[str, ...] = field(repr=False)
    channels: ChannelTest | None = field(repr=False, default=None)

    @property
    def maps(self) -> tuple[str, ...]:
        """Names of the maps under test: methods and own maps."""
        return tuple(c.name for c in self.contenders if c.kind != "reference")

    @property
    def references(self) -> tuple[str, ...]:
        """Names of the maps to beat."""
        return tuple(c.name for c in self.contenders if c.kind == "reference")

    def contender(self, map: str) -> Contender:
        """The map of that name. Raises SegCamError where there is none."""
        found = {contender.name: contender for contender in self.contenders}
        if map not in found:
            raise SegCamError(must_be_one_of("map", found, map))
        return found[map]

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes of pixels that were measured."""
        return tuple(dict.fromkeys(curve.scope for curve in self.curves))

    def curve(self, map: str, scope: str, test: str) -> Curve:
        """One curve; of the scope "channels" that of :attr:`channels`.

        Raises
        ------
        SegCamError
            There is none of that name, scope or test.
        """
        if scope == CHANNELS and self.channels is not None:
            return self.channels.curve(map, test)
        self.contender(map)
        for argument, allowed, given in (("scope", self.scopes, scope), ("test", TESTS, test)):
            if given not in allowed:
                raise SegCamError(must_be_one_of(argument, allowed, given))
        return next(c for c in self.curves if (c.map, c.scope, c.test) == (map, scope, test))

    def losses(self, map: str | None = None) -> tuple[Loss, ...]:
        """Every comparison in which a reference is better than a map under test, or as good.

        Parameters
        ----------
        map : str, optional
            One map's; default all.
        """
        return tuple(
            found
            for name in self.maps
            if map is None or name == map
            for scope in self.scopes
            for test in TESTS
            for measure in MEASURES
            for reference in self.references
            if (found := loss(self.curve(name, scope, test), self.curve(reference, scope, test), measure)) is not None
        )

    def summary(self) -> str:
        """One sentence per map: which of its comparisons it wins, and which maps beat it."""
        from segcam_widgets.evaluation.wording import summary

        return summary(self)

    def to_frame(self, test: str = "curves") -> "pd.DataFrame":
        """The numbers as a table (pandas).

        Parameters
        ----------
        test : {"curves", "channels", "classes", "cascades"}
            "curves": one row for each scope, test and map: area under the curve of score and IoU, their standard deviation
            over the draws (0 but for the random map), and "lost_to", the references that are better by the score, or as
            good. "channels": one row for each test and map, with "luck", how likely a random order is to be as good by the
            score. "classes": one row per method and other class. "cascades": one row per method, draw and stage.

        Raises
        ------
        SegCamError
            Another `test`, or pandas is not installed.
        """
        from segcam_widgets.evaluation.frames import to_frame

        return to_frame(self, test)

    def to_markdown(self) -> str:
        """Tables and verdicts as markdown."""
        from segcam_widgets.evaluation.report import to_markdown

        return to_markdown(self)

    def __repr__(self) -> str:
        return one_line("Faithfulness", f"{self.subject}. {self.summary()}")

    def _repr_html_(self) -> str:
        from segcam_widgets.evaluation.report import to_html

        return to_html(self)
