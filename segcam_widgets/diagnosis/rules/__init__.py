"""The rules, one module each, registered in the order of the decision table; those for any map come last."""

from segcam_widgets.diagnosis.rule import RULES
from segcam_widgets.diagnosis.rules.carried_by_bypass import CarriedByBypass
from segcam_widgets.diagnosis.rules.coded_by_absence import CodedByAbsence
from segcam_widgets.diagnosis.rules.dead_channels import DeadChannels
from segcam_widgets.diagnosis.rules.diluted_score import DilutedScore
from segcam_widgets.diagnosis.rules.disconnected_layer import DisconnectedLayer
from segcam_widgets.diagnosis.rules.empty_region import EmptyRegion
from segcam_widgets.diagnosis.rules.gradient_contradicts_ablation import GradientContradictsAblation
from segcam_widgets.diagnosis.rules.half_precision import HalfPrecision
from segcam_widgets.diagnosis.rules.merged_channels import MergedChannels
from segcam_widgets.diagnosis.rules.no_contrast import NoContrast
from segcam_widgets.diagnosis.rules.no_gradient_step import NoGradientStep
from segcam_widgets.diagnosis.rules.non_finite import NonFinite
from segcam_widgets.diagnosis.rules.not_decided_here import NotDecidedHere
from segcam_widgets.diagnosis.rules.not_predicted_here import NotPredictedHere
from segcam_widgets.diagnosis.rules.outweighed import Outweighed
from segcam_widgets.diagnosis.rules.padding_artefact import PaddingArtefact
from segcam_widgets.diagnosis.rules.pooling_cancels import PoolingCancels
from segcam_widgets.diagnosis.rules.positive_channels_silent import PositiveChannelsSilent
from segcam_widgets.diagnosis.rules.rectified_logits import RectifiedLogits
from segcam_widgets.diagnosis.rules.saturated_score import SaturatedScore
from segcam_widgets.diagnosis.rules.shared_logit_shift import SharedLogitShift
from segcam_widgets.diagnosis.rules.signed_activations import SignedActivations
from segcam_widgets.diagnosis.rules.stronger_outside import StrongerOutside
from segcam_widgets.diagnosis.rules.two_softmaxes import TwoSoftmaxes
from segcam_widgets.diagnosis.rules.undecided import Undecided
from segcam_widgets.diagnosis.rules.zero_weight_branch import ZeroWeightBranch

for _rule in (
    EmptyRegion(),
    NonFinite(),
    DeadChannels(),
    RectifiedLogits(),
    HalfPrecision(),
    DisconnectedLayer(),
    NoGradientStep(),
    SharedLogitShift(),
    SaturatedScore(),
    DilutedScore(),
    NotPredictedHere(),
    CodedByAbsence(),
    CarriedByBypass(),
    PoolingCancels(),
    SignedActivations(),
    Outweighed(),
    PositiveChannelsSilent(),
    NoContrast(),
    NotDecidedHere(),
    Undecided(),
    StrongerOutside(),
    PaddingArtefact(),
    ZeroWeightBranch(),
    TwoSoftmaxes(),
    MergedChannels(),
    GradientContradictsAblation(),
):
    RULES.add(_rule)
