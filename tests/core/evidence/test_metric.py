"""The evidence of one metric: what moves it, what does not, and that it survives anything."""

import json
from dataclasses import replace
from math import isfinite
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.core.evidence import Count, EvidenceSettings, MetricEvidence, Tick, combine
from tests.core.evidence.ticks import after_all, counts, pairs, settings_of_a_metric, ticks_of

HEALTHY = (Count(0, 50), Count(2, 450))
TERRIBLE = (Count(25, 50), Count(2, 450))


class TestFaults:
    @pytest.mark.parametrize("metrics", [1, 2, 3, 4, 8])
    @pytest.mark.parametrize("alpha", [0.05, 0.01, 0.0001])
    def test_a_severe_fault_of_one_metric_is_proven_by_two_ticks_and_never_by_one(
        self, metrics: int, alpha: float
    ) -> None:
        settings = EvidenceSettings(alpha=alpha).shared_by(metrics)
        release = [MetricEvidence.start(f"metric-{i}", 0.0, settings) for i in range(metrics)]
        failing = []
        for at in (5.0, 10.0):
            release = [each.after(Tick(at, *(TERRIBLE if i == 0 else HEALTHY))) for i, each in enumerate(release)]
            failing.append(combine(release).fails)
        assert failing == [False, True]
        assert combine(release).largest == "metric-0"

    def test_one_tick_is_no_verdict_however_bad_and_however_good_it_was_before(self) -> None:
        for before in range(0, 400, 40):
            evidence = after_all(ticks_of([HEALTHY] * before + [(Count(10**6, 10**6), Count(0, 10**7))]))
            assert not combine([evidence]).fails

    @pytest.mark.parametrize(
        ("seconds", "candidate", "fails"),
        [
            pytest.param(5.0, Count(50, 50), False, id="one scrape"),
            pytest.param(300.0, Count(2700, 3000), True, id="five minutes that nobody saw, nearly all bad"),
            pytest.param(300.0, Count(50, 50), False, id="one scrape after a silence of five minutes"),
            pytest.param(300.0, Count(50, 3000), False, id="what one scrape could have been, in five minutes"),
            pytest.param(36_000.0, Count(350_000, 360_000), True, id="ten hours"),
        ],
    )
    def test_a_gap_is_worth_as_many_scrapes_as_its_bad_answers_fill(
        self, seconds: float, candidate: Count, fails: bool
    ) -> None:
        before = after_all(ticks_of([HEALTHY] * 60))
        stable = Count(candidate.trials // 20, 9 * candidate.trials)
        assert combine([before.after(Tick(before.at + seconds, candidate, stable))]).fails is fails

    @pytest.mark.parametrize("late", [10, 100, 360, 1000])
    def test_a_late_fault_is_proven_within_six_ticks(self, late: int) -> None:
        evidence = after_all(ticks_of([HEALTHY] * late + [TERRIBLE] * 6))
        assert combine([evidence]).fails

    def test_a_fault_below_the_floor_is_tolerated(self) -> None:
        worse = [(Count(8, 10_000), Count(1, 10_000))] * 200
        assert after_all(ticks_of(worse)).evidence < 5
        assert after_all(ticks_of(worse), floor=0.0).evidence > 100

    def test_a_harmless_difference_and_then_a_shared_outage_is_no_fault(self) -> None:
        harmless = [(Count(5, 10_000), Count(1, 10_000))] * 200
        outage = [(Count(1000 + shake, 10_000), Count(1000 - shake, 10_000)) for shake in (9, -7, 12, 3, -5, 8)]
        assert after_all(ticks_of(harmless + outage * 6)).evidence < 5

    def test_beyond_the_limit_and_within_the_margin(self) -> None:
        both = [(Count(18, 1000), Count(5, 1000))] * 20
        assert after_all(ticks_of(both), margin=4.0).evidence < 1
        assert after_all(ticks_of(both), margin=4.0, limit=0.01).evidence > 100
        assert after_all(ticks_of(both), margin=4.0, limit=0.02).evidence < 1

    def test_nobody_is_taken_back_for_a_limit_that_stable_exceeds_as_well(self) -> None:
        both = after_all(ticks_of([(Count(50, 1000), Count(48, 1000))] * 40), limit=0.01)
        assert both.exceeds_limit
        assert both.evidence < 1.5

    def test_where_stable_has_no_requests_by_decision_the_limit_goes_by_its_record(self) -> None:
        alone = ticks_of([(Count(50, 1000), Count(0, 0))] * 10)
        assert after_all(alone, limit=0.01).evidence < 1.5, "nothing is known of stable"
        assert after_all(alone, limit=0.01, record=0.005).evidence > 100
        assert after_all(alone, limit=0.01, record=0.06).evidence < 1.5, "stable was no better"


class TestWithoutStable:
    alone = (Count(10, 50), Count(0, 0))

    def test_a_tick_without_stable_traffic_says_nothing(self) -> None:
        evidence = after_all(ticks_of([HEALTHY] * 5), floor=0.0)
        later = after_all(ticks_of([self.alone] * 5, start=25.0), evidence)
        assert (later.evidence, later.proof) == (evidence.evidence, evidence.proof)
        assert later.candidate == evidence.candidate + Count(50, 250)

    def test_after_the_switch_the_record_of_stable_takes_its_place(self) -> None:
        evidence = after_all(ticks_of([HEALTHY] * 5)).with_record(before=Count(400, 100_000))
        assert evidence.settings.record == pytest.approx(0.005, rel=0.2)
        assert after_all(ticks_of([self.alone] * 5, start=25.0), evidence).evidence > 100
        fine = (Count(0, 50), Count(0, 0))
        assert after_all(ticks_of([fine] * 50, start=25.0), evidence).evidence < 1

    def test_stable_that_never_answered_leaves_no_record(self) -> None:
        assert MetricEvidence.start("errors", 0.0).with_record().settings.record is None


class TestProperties:
    @given(pairs(), settings_of_a_metric)
    def test_any_ticks_give_finite_evidence(self, counts_of: Any, settings: EvidenceSettings) -> None:
        evidence = MetricEvidence.start("errors", 0.0, settings)
        for tick in ticks_of(counts_of):
            evidence = evidence.after(tick)
        assert isfinite(evidence.evidence)
        assert evidence.evidence >= 0
        assert isfinite(evidence.proof)

    @given(
        st.lists(st.tuples(counts(10**9), counts(10**9)), max_size=4),
        settings_of_a_metric,
    )
    def test_so_do_counts_up_to_a_billion(self, counts_of: Any, settings: EvidenceSettings) -> None:
        evidence = after_all(ticks_of(counts_of), MetricEvidence.start("errors", 0.0, settings))
        assert isfinite(evidence.evidence)
        assert isfinite(evidence.proof)
        assert evidence.odds.interval(0.01).low <= evidence.odds.interval(0.01).high
        json.dumps(evidence.to_status(), allow_nan=False)

    @given(
        pairs(),
        st.sampled_from([1.0, 1.1, 3.0]),
        st.sampled_from([0.0, 0.001, 0.05]),
        st.integers(0, 200),
        st.integers(1, 200),
        st.integers(1, 50),
        st.integers(1, 50),
    )
    def test_errors_in_proportion_never_raise_it_however_many(
        self, before: Any, margin: float, floor: float, bad: Any, good: int, a: int, b: int
    ) -> None:
        evidence = after_all(ticks_of(before), margin=margin, floor=floor)
        rate = Count(bad, bad + good)
        outage = Tick(1e6, Count(rate.bad * a, rate.trials * a), Count(rate.bad * b, rate.trials * b))
        assert evidence.after(outage).evidence <= evidence.evidence * (1 + 1e-9)

    @given(pairs(), settings_of_a_metric)
    def test_a_tick_without_requests_to_the_candidate_changes_no_evidence(
        self, before: Any, settings: EvidenceSettings
    ) -> None:
        evidence = after_all(ticks_of(before), MetricEvidence.start("errors", 0.0, settings))
        later = evidence.after(Tick(1e6, Count(0, 0), Count(3, 100)))
        assert (later.evidence, later.proof, later.served) == (evidence.evidence, evidence.proof, evidence.served)
        assert later.at == 1e6

    @given(pairs(length=6))
    def test_a_tick_counts_once(self, before: Any) -> None:
        ticks = ticks_of(before)
        evidence = after_all(ticks)
        assert after_all(ticks, evidence) == evidence

    @given(pairs(), settings_of_a_metric)
    def test_the_same_ticks_give_the_same_value_bit_for_bit(self, counts_of: Any, settings: EvidenceSettings) -> None:
        start = MetricEvidence.start("errors", 0.0, settings)
        assert after_all(ticks_of(counts_of), start) == after_all(ticks_of(counts_of), start)


class TestStatus:
    @given(pairs(length=15), st.sets(st.integers(0, 15)), settings_of_a_metric)
    def test_killed_at_any_ticks_it_ends_with_the_same_evidence_bit_for_bit(
        self, counts_of: Any, kills: set[int], settings: EvidenceSettings
    ) -> None:
        whole = killed = MetricEvidence.start("errors", 0.0, settings)
        for i, tick in enumerate(ticks_of(counts_of)):
            whole, killed = whole.after(tick), killed.after(tick)
            if i in kills:
                killed = MetricEvidence.from_status(through_the_api_server(killed.to_status()))
        assert killed == whole

    def test_it_is_small(self) -> None:
        evidence = after_all(ticks_of([HEALTHY] * 100 + [TERRIBLE] * 100))
        assert len(json.dumps(evidence.to_status())) < 2000

    @pytest.mark.parametrize(
        "damage",
        [
            pytest.param({"worse": [1.0]}, id="too few numbers"),
            pytest.param({"counts": [5, 3, 0, 0]}, id="impossible counts"),
            pytest.param({"settings": {"alpha": 2.0, "planned_ticks": 1}}, id="impossible settings"),
            pytest.param({"times": [0.0]}, id="a time is missing"),
        ],
    )
    def test_a_damaged_status_is_refused(self, damage: dict[str, Any]) -> None:
        status = after_all(ticks_of([HEALTHY])).to_status() | damage
        with pytest.raises(ValueError, match=r"."):
            MetricEvidence.from_status(status)


def through_the_api_server(status: Any) -> Any:
    """JSON as Go writes it back: 1.0 comes back as 1."""

    def as_go(value: Any) -> Any:
        match value:
            case dict():
                return {key: as_go(item) for key, item in value.items()}
            case list():
                return [as_go(item) for item in value]
            case float() if value.is_integer() and abs(value) < 1e21:
                return int(value)
        return value

    return json.loads(json.dumps(as_go(status), allow_nan=False))


class TestEdits:
    evidence = after_all(ticks_of([HEALTHY] * 20))

    def test_other_times_and_thresholds_apply_at_once(self) -> None:
        edited = self.evidence.under(replace(self.evidence.settings, no_traffic_after=10.0, hold_from=3.0))
        assert edited.settings.no_traffic_after == 10.0
        assert edited.evidence == self.evidence.evidence

    def test_what_is_fixed_at_the_start_stays(self) -> None:
        edited = self.evidence.under(replace(self.evidence.settings, planned_ticks=5, overdispersion=3.0, alpha=0.1))
        assert edited == self.evidence

    def test_another_null_hypothesis_starts_the_test_anew_with_what_the_old_one_had_left(self) -> None:
        edited = self.evidence.under(replace(self.evidence.settings, margin=1.5))
        assert (edited.evidence, edited.settings.needed, edited.ticks) == (1.0, 100.0, 0)
        assert edited.settings.share == self.evidence.evidence < 1.0
        assert edited.at == self.evidence.at

    def test_evidence_against_it_is_not_handed_on_to_another_null_hypothesis(self) -> None:
        bad = after_all(ticks_of([(Count(20, 100), Count(0, 900))] * 2))
        edited = bad.under(replace(bad.settings, margin=1.5))
        assert bad.evidence > 1.0
        assert (edited.evidence, edited.settings.share) == (1.0, 1.0)

    def test_a_share_never_grows(self) -> None:
        halved = self.evidence.under(self.evidence.settings.shared_by(2))
        assert halved.settings.share == 0.5
        assert halved.under(self.evidence.settings).settings.share == 0.5


class TestCombination:
    @given(st.permutations(range(4)), st.lists(pairs(length=5), min_size=4, max_size=4))
    def test_the_order_of_metrics_does_not_matter(self, order: list[int], histories: Any) -> None:
        settings = EvidenceSettings().shared_by(4)
        metrics = [
            after_all(ticks_of(history), MetricEvidence.start(f"metric-{i}", 0.0, settings))
            for i, history in enumerate(histories)
        ]
        assert combine([metrics[i] for i in order]) == combine(metrics)

    def test_at_the_start_it_is_one(self) -> None:
        settings = EvidenceSettings().shared_by(3)
        assert combine([MetricEvidence.start(name, 0.0, settings) for name in "abc"]).evidence == pytest.approx(1)

    def test_shares_over_one_are_refused(self) -> None:
        with pytest.raises(ValueError, match="add up to 2"):
            combine([self_standing, self_standing])

    def test_without_metrics_it_is_refused(self) -> None:
        with pytest.raises(ValueError, match="at least one metric"):
            combine([])


self_standing = MetricEvidence.start("errors", 0.0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("alpha", 0.0),
        ("alpha", float("nan")),
        ("share", 1.1),
        ("margin", 0.9),
        ("floor", -0.1),
        ("limit", 0.0),
        ("not_worse_than", 1.0),
        ("beta", 1.0),
        ("overdispersion", 0.5),
        ("first_capital", 1.0),
        ("late_capital", 0.6),
        ("planned_ticks", 0),
        ("hold_from", 1.0),
        ("no_traffic_after", 0.0),
        ("scrape_interval", 0.0),
        ("stale_scrapes", 0.5),
    ],
)
def test_settings_out_of_range_are_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{field} is "):
        EvidenceSettings(**{field: value})
