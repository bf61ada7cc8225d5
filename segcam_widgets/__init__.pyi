from . import evaluation as evaluation
from .core.ablation import (
    Ablation as Ablation,
    ablate as ablate,
)
from .core.baselines import BASELINES as BASELINES
from .core.explanation import (
    Explanation as Explanation,
    explain as explain,
    load_explanation as load_explanation,
)
from .core.ledger import (
    EvidenceLedger as EvidenceLedger,
    ledger as ledger,
)
from .core.methods import METHODS as METHODS
from .core.query import CamQuery as CamQuery
from .core.recognition.recognise import recognise as recognise
from .core.recognition.recognition import (
    Match as Match,
    Recognition as Recognition,
)
from .core.regions.drawn import (
    Brush as Brush,
    Everything as Everything,
    Mask as Mask,
    Pixel as Pixel,
    Polygon as Polygon,
    Rectangle as Rectangle,
)
from .core.regions.labelled import (
    Border as Border,
    Component as Component,
    Errors as Errors,
    PredictedClass as PredictedClass,
    TruthClass as TruthClass,
)
from .core.scores import SCORES as SCORES
from .core.votes.collect import (
    VoteField as VoteField,
    votes as votes,
)
from .demo import (
    Demo as Demo,
    load_demo as load_demo,
)
from .diagnosis import (
    RULES as RULES,
    Diagnosis as Diagnosis,
    Finding as Finding,
    diagnose as diagnose,
)
from .diagnosis.atlas.atlas import (
    Atlas as Atlas,
    atlas as atlas,
)
from .errors import (
    Cancelled as Cancelled,
    DisconnectedLayerError as DisconnectedLayerError,
    EmptyRegionError as EmptyRegionError,
    NonFiniteError as NonFiniteError,
    SegCamError as SegCamError,
    UnknownLayerError as UnknownLayerError,
    UnsupportedModelError as UnsupportedModelError,
)
from .keras_probe.opening import open_probe as open_probe
from .ui.explorer import SegCamExplorer as SegCamExplorer
from .ui.opening import explore as explore

__version__: str
