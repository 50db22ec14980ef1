"""What each input leads to: rows for people, each with the proof that it is so.

``docs/what-happens.md`` is generated from these rows (``python -m tests.core.what_happens``), and every row's proof is
run by ``test_what_happens.py``. So the page cannot say what the software does not do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from modelrollout.api.status import Phase
from modelrollout.core.observation import Refusal
from modelrollout.core.plan import Reason
from tests.adapters import test_custom_queries
from tests.core import (
    phases,
    test_entrances,
    test_fresh_sight,
    test_hard_cases,
    test_ledger,
    test_made_with,
    test_next_version,
    test_places,
    test_recall,
    test_references,
    test_refused,
    test_same_command_again,
    test_scattered,
    test_scraped_apart,
    test_shadow_everywhere,
    test_shadow_restarted,
    test_shadow_together,
    test_shadow_unseen,
    test_shadowing,
    test_size,
    test_split_broken,
    test_undo,
    test_unfetched,
    test_validate_only,
    test_validation,
    test_whose_failure,
    test_words,
)
from tests.core.validate import test_load_time, test_memory
from tests.core.world import CANARY, World
from tests.manifests import test_allowed_hosts, test_buckets, test_cluster_domain, test_moved, test_routes
from tests.runtime import test_smoke_way, test_unknown_metric
from tests.strategies import (
    test_ab_test,
    test_bandit,
    test_contextual_bandit,
    test_edited_tests,
    test_late_rewards,
    test_reward_of_any_size,
)

PAGE = Path(__file__).parents[2] / "docs" / "what-happens.md"


@dataclass(frozen=True)
class Row:
    """One input: the verdict that it gives, what happens, and the proof."""

    input: str
    verdict: str
    happens: str
    proof: Callable[[], None]


ROWS: list[Row] = []


def row(input: str, verdict: str, happens: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Registers a proof as a row of the table."""

    def register(proof: Callable[[], None]) -> Callable[[], None]:
        ROWS.append(Row(input, verdict, happens, proof))
        return proof

    return register


def releasing(weight: int = 10) -> World:
    """A second version with traffic."""
    world = World.of(CANARY).installed().apply(version="1.1.2").run(15)
    assert world.weight == weight
    return world


def verdicts(world: World) -> list[str]:
    """Of all metrics."""
    return [item.verdict for item in world.analysis]


@row(
    "evidence against the candidate reaches its bound",
    "Fail",
    "weight 0 in the same pass; it drains; it is quarantined; an Event tells the numbers",
)
def evidence_against() -> None:
    world = releasing().run(10, bad={"1.1.2": 0.2})
    assert verdicts(world) == ["Fail"]
    assert world.live == {"1.0.1": 100}
    assert world.status.phase is Phase.ROLLING_BACK
    assert [item.version for item in world.status.quarantined] == ["1.1.2"]
    assert world.said(Reason.EVIDENCE_AGAINST)[0] == (
        "1.1.2 was rolled back: 20 of 100 answers failed (20 %), 0 of 900 by 1.0.1 (0 %)"
    )


@row(
    "a candidate with all the requests (blue/green, `control: 0`) looks bad by stable's record",
    "Fail",
    "the requests go back at once, without quarantine; if the fault left with it, it is quarantined then",
)
def alone_and_to_blame() -> None:
    world = test_recall.recalled()
    assert [arm.version for arm in world.status.arms] == ["1.1.2"]
    world.run(30)
    assert [item.version for item in world.status.quarantined] == ["1.1.2"]


@row(
    "the same, and stable shows the same fault",
    "Fail",
    "the release waits until that is over, three minutes at most, and goes on by itself; the third time it is Paused",
)
def alone_and_not_to_blame() -> None:
    world = test_recall.recalled().run(20, bad={"1.0.1": 0.1}).run(600)
    assert world.status.quarantined == ()
    assert world.status.phase is Phase.HEALTHY


@row(
    "the newest answers speak against the candidate when its step or its bake is about to end",
    "Undecided",
    "its weight stays until they do not; nothing is proven by that",
)
def bad_news() -> None:
    test_fresh_sight.test_a_whole_failure_in_the_last_tick_is_no_moment_to_rise(10, CANARY, 5.0)


@row(
    "the candidate has just stopped answering (it hangs, its callers still wait), and stable answers on",
    "Undecided",
    "its weight stays until it answers again, or its callers give up and that counts against it; after "
    "`noTrafficAfter` it is NoTraffic",
)
def silent() -> None:
    test_fresh_sight.test_a_version_that_answers_nothing_any_more_gets_no_more(95, test_fresh_sight.BAKED, 1)


@row(
    "no pod of the candidate is ready while it has weight, and its server has ended twice",
    "Fail",
    "the same, without waiting for metrics",
)
def candidate_lost() -> None:
    world = releasing()
    words = "container serving ended with exit code 139"
    world.workloads["1.1.2"] = replace(world.workloads["1.1.2"], ready=0, failure=words)
    world.step(0.5)
    assert world.live == {"1.0.1": 100}
    assert words in world.said(Reason.CANDIDATE_LOST)[0]
    assert world.status.quarantined[-1].reason == Reason.CANDIDATE_LOST


@row(
    "the same, and its server has ended once, or does not answer",
    "Undecided",
    "weight 0 in the same pass, without quarantine: `modelrollout retry` begins again",
)
def candidate_lost_once() -> None:
    test_whose_failure.test_once_is_taken_back_and_not_blamed(phases.at_a_clock)


@row(
    "the servers of both versions end at one moment (their node is started again)",
    "Undecided",
    "the weights stay: nobody would answer anywhere else; it goes on when both are back, and nobody is blamed. Where "
    "stable is back first it gets all requests, and the release is taken back without quarantine",
)
def both_lost() -> None:
    test_whose_failure.test_where_stable_is_back_first_it_gets_the_requests_and_nobody_is_blamed(phases.at_a_clock)
    test_whose_failure.test_both_servers_die_at_one_moment_and_nobody_is_blamed(phases.at_a_clock)
    test_whose_failure.test_while_both_crash_again_and_again_it_is_what_they_share(phases.at_a_clock)


@row(
    "one of several pods of the candidate is started again, evicted, or has no node; a side car of it ends",
    "Undecided",
    "its weight stays and does not rise until they are all ready; the status has the words",
)
def one_of_several() -> None:
    for phase in test_whose_failure.EVERYWHERE.values():
        test_whose_failure.test_one_of_several_pods_that_restarts_once_is_waited_for(phase)


@row(
    "its pods are taken away while it has weight (a node is drained, somebody deletes them)",
    "Undecided",
    "the same, without quarantine: `modelrollout retry` begins again",
)
def displaced() -> None:
    world = releasing()
    world.workloads["1.1.2"] = replace(world.workloads["1.1.2"], ready=0, displaced=True)
    world.step(0.5)
    assert world.live == {"1.0.1": 100}
    assert world.said(Reason.CANDIDATE_LOST)
    assert world.status.quarantined == ()
    assert [item.version for item in world.status.taken_back] == ["1.1.2"]
    assert world.status.message.startswith("1.1.2 was taken back: no pod of it is ready")
    assert "modelrollout retry" in world.status.message
    world.run(60)
    assert world.live == {"1.0.1": 100}


@row(
    "the model cannot be loaded: its server says so, or ends twice",
    "Fail",
    "it never gets traffic; the server's own words are in the status; it is quarantined",
)
def cannot_load() -> None:
    world = World.of(CANARY).installed()
    world.autoload = False
    world.apply(version="1.1.2").step(1)
    world.workloads["1.1.2"] = replace(world.workloads["1.1.2"], failure="variables.index: No such file")
    world.step(1)
    assert not any("1.1.2" in plan.route.everybody.shares for plan in world.plans if plan.route)
    assert "variables.index: No such file" in world.status.message
    assert world.status.quarantined[-1].reason == Reason.LOAD_FAILED


@row(
    "the model cannot be fetched: no such file, no SavedModel, another digest",
    "Fail",
    "the same, and `Accepted=False` with the fetcher's words",
)
def cannot_fetch() -> None:
    world = World.of(CANARY).installed()
    world.autoload = False
    world.apply(version="1.1.2").step(1)
    words = "https://models.example.com/x.tar.gz: the server answers 404 Not Found (spec.model.uri)"
    world.workloads["1.1.2"] = replace(world.workloads["1.1.2"], failure=words, unfetched=True)
    world.run(5)
    accepted = {item.type: item for item in world.status.conditions}["Accepted"]
    assert (accepted.status, accepted.reason) == ("False", "FetchFailed")
    assert words in accepted.message
    assert world.live == {"1.0.1": 100}


@row(
    "its store is away: it refuses connections, ends them halfway, answers 429 or 5xx",
    "Undecided",
    "tried again with growing waits, and after `Retry-After`, for 90 % of `serving.loadTimeout`; then no requests, "
    "taken back without quarantine",
)
def store_away() -> None:
    test_unfetched.test_a_store_that_is_away_is_no_fault_of_the_version()
    test_unfetched.test_another_store_is_asked_without_a_further_word()


@row(
    "the model is not fetched and loaded within `serving.loadTimeout`, from when it began to be",
    "Fail",
    "the same, with what it was waiting for",
)
def load_timeout() -> None:
    test_whose_failure.test_a_model_that_loads_for_too_long_is()
    test_whose_failure.test_the_time_to_load_begins_when_there_is_a_node()


@row(
    "the API server does not take its objects: a quota, a policy, an object of somebody else's",
    "Undecided",
    "no requests; tried again for `serving.loadTimeout`, with the API server's words in the status, and gone on with "
    "when somebody mends it; then taken back without quarantine, and tried again when the spec is corrected",
)
def refused_by_the_api_server() -> None:
    test_refused.test_it_is_told_with_the_way_out_while_it_is_waited_for()
    test_refused.test_mended_in_the_cluster_the_release_goes_on()
    test_refused.test_for_longer_than_load_timeout_it_is_taken_back_and_nobody_is_blamed()
    test_refused.test_after_that_a_correction_of_the_spec_needs_no_further_word()


@row(
    "its pods wait for something else for that long: a node, an image, a volume, a side car",
    "Undecided",
    "no requests; taken back without quarantine, with what they were waiting for",
)
def not_placed() -> None:
    test_whose_failure.test_no_node_with_room_is_no_fault_of_the_version()


@row(
    "before any traffic: callers of stable cannot call the new version, and its MAJOR is not higher "
    "(`validation.signature: RequireMajorBump`)",
    "Fail",
    "it gets no request, not even a preview's; it is quarantined with signature, tensor, types and shapes",
)
def not_compatible() -> None:
    test_validation.test_a_version_that_is_not_fit_is_out_before_any_request("canary steps")


@row(
    "the same without `validation`, or with `signature: Report`",
    "Reported",
    "nothing waits for it; an Event and the condition `Validated` tell what is wrong",
)
def incompatible_and_reported() -> None:
    test_validation.test_without_validation_it_is_told_and_nothing_waits()


@row(
    "before any traffic a server cannot be asked, and `validation` demands an answer",
    "Unknown",
    "Validating, held with the reason; no command passes it; after `loadTimeout` taken back, without quarantine",
)
def not_known() -> None:
    test_validation.test_what_is_not_known_for_as_long_as_a_load_may_take_is_taken_back_without_blame()


@row(
    "before any traffic a sample is answered wrong: not 200, not finite, in another form, not as golden says, "
    "otherwise than by stable, too late (`validation.samples`)",
    "Fail",
    "it gets no request; it is quarantined with the sample and what was wrong",
)
def wrong_answers() -> None:
    for more, probed, words in test_validation.WRONG.values():
        test_validation.test_samples_that_are_not(more, probed, words)


@row(
    "its server takes longer to load than `validation.infrastructure.maxLoadTime`",
    "Fail",
    "it gets no request; it is quarantined with both times, as soon as the limit is over",
)
def loads_too_long() -> None:
    test_load_time.test_nobody_waits_for_the_end_of_it()
    test_load_time.test_too_late()
    test_load_time.test_fetching_is_no_part_of_it()


@row(
    "its server has more of its memory limit in use than `validation.infrastructure.maxMemoryFraction`",
    "Fail",
    "it gets no request; it is quarantined with the pod and both sizes. Where nobody measures it, it is held",
)
def needs_too_much_memory() -> None:
    test_memory.test_above_it()
    test_memory.test_what_nobody_measures_holds_and_is_no_failure()


@row(
    "in the shadow (`validation.shadow`) it is proven that the candidate fails where stable answers, is slower than "
    "the metric latency allows, or differs by more than `maxDisagreement` or `maxPSI`",
    "Fail",
    "it gets no request; it is quarantined with both numbers; the comparer goes",
)
def fails_in_the_shadow() -> None:
    for shadow, answers, words in test_shadowing.BAD.values():
        test_shadowing.test_what_is_proven_against_it_ends_it_in_quarantine(shadow, answers, words)
    test_shadowing.test_latency_is_judged_by_the_bound_of_the_metric(test_shadowing.LATENCY, fails=True)


@row(
    "in the shadow it answers otherwise, and neither limit is written",
    "Reported",
    "it goes on after `duration` and `minCompared`; an Event and the condition `Validated` tell how much differs",
)
def differs_in_the_shadow() -> None:
    test_shadowing.test_without_a_limit_differences_are_told_and_it_goes_on()


@row(
    "in the shadow too few requests come",
    "Undecided",
    "Shadowing, for as long as that takes; no step, no approval and no command passes it",
)
def undecided_in_the_shadow() -> None:
    for shadow, rate, words in test_shadowing.SHORT.values():
        test_shadowing.test_it_waits(shadow, rate, words)
    test_shadow_everywhere.test_every_strategy_waits_for_it_and_no_word_passes_it("canary steps")


@row(
    "in the shadow it stays undecided whether what differs is allowed: it is just about that",
    "Undecided",
    "Shadowing for `maxHold` after `duration` and `minCompared`; then taken back, without quarantine",
)
def undecided_for_too_long_in_the_shadow() -> None:
    for shadow, answers, words in test_shadowing.EDGE.values():
        test_shadowing.test_what_stays_undecided_ends_after_max_hold_and_nobody_is_to_blame(shadow, answers, words)
    test_shadowing.test_time_in_which_nothing_is_seen_is_not_that_of_being_undecided()


@row(
    "several versions are in the shadow, and one of them fails or leaves",
    "–",
    "the others go on, and all that was counted of them counts on",
)
def leaves_the_shadow() -> None:
    for leaves in test_shadow_together.LEAVES.values():
        test_shadow_together.test_what_was_counted_of_the_others_counts_on_when_one_leaves(leaves)
    test_shadow_together.test_what_two_comparers_counted_proves_what_neither_does_alone()


@row(
    "in the shadow the comparer is killed, or its node goes down",
    "Blind",
    "the copies end until the next one is there, and that time does not count; what was counted until its last scrape "
    "counts on, once",
)
def restarted_in_the_shadow() -> None:
    test_shadow_restarted.test_nothing_is_lost_and_nothing_counts_twice("canary steps")
    test_shadow_restarted.test_several_processes_prove_what_none_does_alone()
    test_shadow_unseen.test_what_cannot_be_seen_for_a_moment_is_no_news()


@row(
    "in the shadow nothing can be seen: the comparer or Prometheus is away, most copies are dropped, stable itself "
    "answers nothing that can be compared",
    "Blind",
    "no request and no blame: an Event after three scrapes, it goes on when that is over; after `maxBlind` taken back, "
    "without quarantine (a comparer that was never there: after `loadTimeout`)",
)
def blind_in_the_shadow() -> None:
    for trouble in test_shadow_unseen.TROUBLES.values():
        test_shadow_unseen.test_it_is_held_and_said_once_and_goes_on(trouble)
        test_shadow_unseen.test_it_ends_without_blame(trouble)
    test_shadow_unseen.test_a_comparer_that_never_comes_is_waited_for_as_a_model_is()


@row(
    "`validation.shadow` is edited in the middle, or a person pauses",
    "Undecided",
    "by other settings it is counted anew, and nothing that was counted before is held against it; a pause ends the "
    "copies, and it begins anew; a version that has requests is past it",
)
def edited_in_the_shadow() -> None:
    test_shadow_everywhere.test_it_is_no_sooner_for_an_edit_and_counts_by_the_new_settings()
    test_shadow_everywhere.test_a_pause_ends_the_copies_and_it_begins_anew()
    test_shadow_everywhere.test_who_has_requests_is_past_it()


@row(
    "a version that is only to be validated (`modelrollout validate`, `spec.validateOnly`)",
    "Pass, Fail or Unknown",
    "deployed, looked at, compared with what the other rollout serves, and removed; nothing is routed or released",
)
def only_validated() -> None:
    test_validate_only.test_one_that_passes_is_removed_and_serves_nobody("canary steps")
    test_validate_only.test_one_that_fails()
    test_validate_only.test_what_it_would_replace_is_not_known("RequireMajorBump")


@row(
    "a version below the one that serves, or with a lower PIPELINE, that never served here",
    "Accepted=False",
    "refused, unless `validation.allowDowngrade`; going back to what served before is not",
)
def downgraded() -> None:
    test_validation.test_a_version_below_the_one_that_serves_is_refused()
    test_validation.test_an_earlier_run_under_a_higher_name_is_refused()
    test_validation.test_who_goes_back_to_what_served_before_is_not_asked_why()


@row(
    "the number of a version that ended here before, with other files",
    "Accepted=False, or Fail",
    "refused by its digest; without one, its pods take nothing but what it was, and fail to fetch anything else",
)
def used_twice() -> None:
    test_validation.test_a_number_is_never_used_twice_though_its_history_is_forgotten()


@row("evidence between its bounds", "Undecided", "the clock goes on; suspicion (evidence 5 or more) holds the weight")
def undecided() -> None:
    world = releasing()
    assert verdicts(world) == ["Undecided"]
    over = (world.arm.weight_since or 0) + 30
    world.run(over - world.now - 1, tick=1)
    world.requests(500, bad={"1.1.2": 0.5}).step(5)  # one tick alone never reaches the bound
    assert 5 <= world.analysis[0].evidence < 100
    assert world.now > over
    assert world.weight == 10
    assert "against it" in world.status.message


@row("the candidate is proven not worse", "Pass", "the step may end early (`stepEarly`, or a step without `for`)")
def proven() -> None:
    world = World.of(CANARY.replace("{setWeight: 10, for: 30s}", "{setWeight: 10}")).installed().apply(version="1.1.2")
    world.run(15)
    before = world.analysis[0]
    assert before.proven < before.proven_needed
    world.run(600, bad={"1.0.1": 0.02, "1.1.2": 0.02})
    assert world.status.stable is not None
    assert world.status.stable.version == "1.1.2"


@row("no requests", "NoTraffic", "held; never a failure, never a pass")
def no_traffic() -> None:
    world = releasing().run(3600, rate=0)
    assert verdicts(world) == ["NoTraffic"]
    assert world.weight == 10
    assert world.status.quarantined == ()


@row(
    "Prometheus is away, or its samples are old",
    "Blind",
    "weights are frozen; after `maxBlind` the policy `onBlind`: Pause goes on by itself when sight is back",
)
def blind_pauses() -> None:
    world = releasing()
    world.away = "connection refused"
    world.run(60)
    assert (verdicts(world), world.weight, world.status.phase) == (["Blind"], 10, Phase.PROGRESSING)
    world.run(300)
    assert (world.weight, world.status.phase) == (10, Phase.PAUSED)
    assert "connection refused" in world.status.message
    assert world.status.message.endswith("paused after maxBlind 5m: it goes on by itself when the metrics are back")
    world.away = None
    world.run(120)
    assert world.status.phase is Phase.HEALTHY


@row(
    "the same with `onBlind: Rollback`",
    "Blind",
    "after `maxBlind` weight 0; quarantined, so that it does not start again blindly",
)
def blind_rolls_back() -> None:
    world = World.of(CANARY.replace("noTrafficAfter: 20s", "onBlind: Rollback, maxBlind: 30s")).installed()
    world.apply(version="1.1.2").run(15)
    world.away = "connection refused"
    world.run(25)
    assert world.weight == 10
    world.run(25)
    assert world.live == {"1.0.1": 100}
    assert world.said(Reason.BLIND)
    world.run(60)
    assert world.weight == 0
    assert len(world.status.history) == 2


@row("the counters cannot be: bad < 0, bad > trials, NaN", "Blind", "this metric's evidence is frozen, weights too")
def impossible_counters() -> None:
    world = releasing()
    evidence = world.analysis[0].evidence
    world.invalid = "bad is 7 and trials is 5"
    world.run(20)
    assert verdicts(world) == ["Blind"]
    assert world.analysis[0].evidence == evidence
    assert world.weight == 10


@row(
    "a metric that Prometheus does not know, PromQL that does not parse",
    "Invalid",
    "the release does not begin: `Accepted=False` with the reason",
)
def unknown_metric() -> None:
    world = World.of(CANARY).installed()
    world.refusal = Refusal(Reason.INVALID_METRIC, "spec.analysis.metrics: Prometheus does not know clicks_totl")
    world.apply(version="1.1.2").run(20)
    assert world.status.phase is Phase.INVALID
    assert world.status.trial is None
    assert world.live == {"1.0.1": 100}


@row(
    "a pod template that the API server would not take, an object that a policy of the cluster refuses",
    "refused",
    "found by dry run before anything is applied: `Accepted=False` with the API server's own words",
)
def refused_object() -> None:
    world = World.of(CANARY).installed()
    world.refusal = Refusal(Reason.OBJECT_REFUSED, "spec.serving: the API server refuses the Deployment")
    world.apply(version="1.1.2").run(20)
    assert world.status.phase is Phase.INVALID
    assert set(world.workloads) == {"1.0.1"}
    assert world.live == {"1.0.1": 100}
    world.refusal = None
    world.run(20)
    assert world.status.trial is not None


@row(
    "while a candidate has requests, a newer spec that cannot be accepted",
    "judged as before",
    "back to stable: the candidate leaves at once all the same; another version: the candidate rises no further",
)
def newer_spec_refused() -> None:
    test_hard_cases.test_the_way_back_to_stable_needs_no_acceptance()
    test_hard_cases.test_a_candidate_that_nobody_wants_any_more_does_not_rise()


@row(
    "the versions' counters are scraped one after the other, or stable's not at all",
    "compared, or Undecided",
    "what one answered waits for the other's next scrape; requests that cannot be compared lift no weight",
)
def scraped_apart() -> None:
    test_scraped_apart.test_a_failing_version_is_rolled_back(offset=0)
    test_scraped_apart.test_nothing_rises_while_stable_is_not_seen(share_bad=0.0)


@row(
    "the spec is edited to a third version",
    "superseded",
    "candidate to 0 and drained first, then the new version starts",
)
def superseded() -> None:
    world = releasing()
    world.apply(version="1.2.3").step(0.5)
    assert world.live == {"1.0.1": 100}
    assert "1.2.3" not in world.workloads
    world.run(15)
    assert world.status.trial is not None
    assert world.arm.version == "1.2.3"
    assert world.status.quarantined == ()


@row("the spec is edited back to stable", "abort", "candidate to 0; no release")
def back_to_stable() -> None:
    world = releasing()
    world.apply(version="1.0.1").step(0.5)
    assert world.live == {"1.0.1": 100}
    assert (world.status.phase, world.status.quarantined) == (Phase.HEALTHY, ())


@row(
    "the spec is edited in its settings only",
    "applied",
    "scaling at once; steps and analysis from the next decision; the weight never jumps. What else `spec.serving` says "
    "of the pods holds for versions that have not come up yet: no edit replaces pods that serve",
)
def settings_edited() -> None:
    world = releasing()
    steps = [{"setWeight": 5, "for": "30s"}, {"setWeight": 20, "for": "30s"}, {"setWeight": 80, "for": "30s"}]
    world.configure(strategy={"canary": {"steps": steps}}, serving={"replicas": 3, "drain": "10s"}).step(0.5)
    assert world.weight == 10
    assert {item.replicas for item in world.plans[-1].versions} == {3}
    assert all(item.settled for item in world.plans[-1].versions)
    seen = []
    for _ in range(60):
        world.run(5)
        seen.append(world.weight)
    assert [weight for weight in (10, 20, 80) if weight in seen] == [10, 20, 80]
    assert 5 not in seen


@row(
    "what `spec.serving` says of pods (image, resources, args, template) is edited, at rest or in a release",
    "applied",
    "pods that have come up stay as they were made; `Accepted` and an Event (`HoldsForNextVersion`) say so, and that "
    "the same model released as a new version has it, judged like any other",
)
def pods_edited() -> None:
    test_next_version.test_an_edit_that_reaches_no_pod_is_said_once(test_next_version.serving, "1.0.1")
    test_next_version.test_the_way_out_is_a_release_that_is_judged()


@row(
    "somebody deletes the Deployment of a version that serves, after such an edit",
    "–",
    "it is made anew as it was, with the settings that it came up with",
)
def deployment_deleted() -> None:
    for phase, versions in test_made_with.WHEN.values():
        test_made_with.test_an_edit_is_not_for_what_has_come_up(phase, versions)


@row(
    "an invalid spec",
    "Accepted=False",
    "stable serves on; a running candidate is still judged by the last accepted spec",
)
def invalid_spec() -> None:
    world = releasing()
    world.configure(strategy={"canary": {"steps": []}}).step(0.5)
    accepted = {item.type: item for item in world.status.conditions}["Accepted"]
    assert accepted.status == "False"
    assert "steps" in accepted.message
    assert world.weight == 10
    world.run(15, bad={"1.1.2": 0.3})
    assert world.live == {"1.0.1": 100}


@row(
    "the VirtualService is edited or deleted by somebody else",
    "drift",
    "written again in the pass that its watch event wakes; an Event says so",
)
def drift() -> None:
    world = releasing()
    world.live = {"1.1.2": 100}
    world.step(0.1)
    assert world.live == {"1.0.1": 90, "1.1.2": 10}
    world.live = None
    world.step(0.1)
    assert world.live == {"1.0.1": 90, "1.1.2": 10}
    assert len(world.said(Reason.ROUTE_RESTORED)) == 2


@row(
    "a share changes, and `traffic.affinity` keeps users where they are by a cookie or an echo",
    "–",
    "all users are drawn anew, by the new shares; nobody stays with a version that left; between two changes all stay",
)
def redrawn() -> None:
    world = releasing()
    before = world.plans[-1].epoch
    assert world.step(5).epoch == before
    world.command = "lower 1.1.2 t1 3"
    assert world.step(1).epoch > before


@row(
    "a share changes, and `traffic.affinity` keeps users where they are by an id",
    "–",
    "the shares hold at once; of two versions, the one that rises keeps all its users, and no more of the other's "
    "change than it gets; nobody stays with a version that left",
)
def not_redrawn() -> None:
    test_buckets.test_of_two_versions_the_one_that_rises_keeps_all_of_its_ids()
    test_moved.test_a_rollback_leaves_nobody_known(test_routes.BY_ID, "x-user-id")


@row("the same version again after a rollback", "quarantined", "nothing, until `modelrollout retry` or a new version")
def quarantined() -> None:
    world = releasing().run(15, bad={"1.1.2": 0.3})
    world.configure(rollback={"keepFailedFor": "1m"}).run(600)
    assert world.status.phase is Phase.DEGRADED
    assert world.live == {"1.0.1": 100}
    world.command = "retry 1.1.2 t1"
    world.run(30)
    assert world.status.trial is not None


@row(
    "`spec.model.uri` is edited while the version is fetched or loaded",
    "applied",
    "it is fetched from the new place",
)
def uri_edited_early() -> None:
    test_places.test_while_it_is_loaded_the_new_place_is_used()


@row(
    "the same after it has come up, with the `digest` that it is known by",
    "applied",
    "its pods move to the new place, which is held to the digest; `Progressing` until they have, and `Degraded` after "
    "`loadTimeout`; the old ones answer on",
)
def uri_edited_with_digest() -> None:
    for phase in test_places.CAME_UP.values():
        test_places.test_with_the_digest_its_pods_move_and_the_new_place_is_held_to_it(phase)
    test_places.test_pods_that_are_being_replaced_are_told_and_for_too_long_they_are_a_fault()


@row("the same without it", "Accepted=False", "refused, with the way out; what serves and what is judged goes on")
def uri_edited() -> None:
    for phase in test_places.CAME_UP.values():
        test_places.test_without_the_digest_it_is_refused_with_the_way_out(phase)


@row(
    "`modelrollout undo` after a promotion, with `rollback.keepPrevious`",
    "none",
    "the version before has all requests again, in one step; the other is taken back without quarantine",
)
def undone() -> None:
    test_undo.test_all_requests_go_back_in_one_plan(CANARY, 0)


@row(
    "the spec goes back to the version before (`git revert`), with `rollback.keepPrevious`",
    "none",
    "the same, and nothing is taken back; a release that is under way leaves first. When its pods are gone it "
    "is released as any other version",
)
def undone_by_spec() -> None:
    test_undo.test_a_spec_that_goes_back_to_the_version_before_undoes_the_promotion(CANARY, 3000)
    test_undo.test_a_release_that_is_under_way_leaves_first_and_what_is_kept_stays_for_it()


@row("the same version with another digest", "Accepted=False", "refused: a version never changes")
def other_digest() -> None:
    world = World.of(CANARY).installed()
    world.apply(digest="sha256:" + "b" * 64).step(1)
    assert world.status.phase is Phase.INVALID
    assert world.status.message.startswith("spec.model.digest: version 1.0.1 is already known with digest sha256:aaa")
    assert world.live == {"1.0.1": 100}


@row(
    "a later pod of the candidate fetches another model than the first one",
    "Fail",
    "weight 0; quarantined: the version is two models",
)
def changed_digest() -> None:
    world = releasing()
    running = world.workloads["1.1.2"]
    world.workloads["1.1.2"] = replace(running, digests=(*running.digests, "sha256:" + "c" * 64))
    world.step(0.5)
    assert world.live == {"1.0.1": 100}
    assert world.status.quarantined[-1].reason == Reason.DIGEST_CHANGED


@row("a step is undecided for `maxHold`", "Undecided", "the policy `onTimeout`: Pause (default), Promote or Rollback")
def undecided_too_long() -> None:
    for policy, end in (("Pause", Phase.PAUSED), ("Promote", Phase.HEALTHY), ("Rollback", Phase.DEGRADED)):
        text = CANARY.replace("{setWeight: 50, for: 30s}", "{setWeight: 50}").replace(
            "noTrafficAfter: 20s", f"floor: 0, maxHold: 2m, onTimeout: {policy}"
        )
        world = World.of(text).installed().apply(version="1.1.2").run(300)
        assert world.status.phase is end, (policy, world.status.message)


@row(
    "`minRequests` are not reached for `maxHold`, with `onTimeout: Promote`",
    "Undecided",
    "weights go on, but not to all requests; `promote --full` or abort",
)
def never_seen_enough() -> None:
    text = CANARY.replace("noTrafficAfter: 20s", "minRequests: 100000, maxHold: 2m, onTimeout: Promote")
    world = World.of(text).installed().apply(version="1.1.2").run(900)
    assert world.weight == 50
    assert "needs minRequests 100000" in world.status.message


@row(
    "a person says `skip` before the candidate was seen with a part of the requests",
    "Undecided",
    "the next weight, but not all requests; `promote --full` gives them, and its Event says what was skipped",
)
def promoted_unseen() -> None:
    world = releasing()
    for number in range(6):
        world.command = f"skip 1.1.2 t{number}"
        world.step(0.5)
    assert world.weight == 50
    world.command = "promote-full 1.1.2 t9"
    world.step(0.5)
    assert world.live == {"1.1.2": 100}
    assert "skipped: needs minRequests 50" in world.said(Reason.SWITCHED)[-1]


@row(
    "a person says `promote` while a clock runs or stands still, or in the bake",
    "–",
    "nothing ends; the answer says when it ends by itself, and that `skip` ends it now",
)
def promoted_in_a_clock() -> None:
    for given in test_words.CLOCKS.values():
        test_words.test_promote_ends_no_clock_and_no_bake_seen_or_unseen(given)


@row(
    "a person says `promote` while the candidate cannot be seen, or its newest answers speak against it",
    "Undecided",
    "the weight stays; an approval stays given, and the rise waits for its moment; elsewhere the word is refused and "
    "does not count later",
)
def promoted_on_bad_news() -> None:
    for given, words in test_words.HOLDS.values():
        test_words.test_promote_does_not_stand_above_sight_or_what_speaks_against_it(given, words)
    for moment in test_words.MOMENTS.values():
        test_words.test_an_approval_stays_given_and_the_rise_waits_for_its_moment(*moment)


@row(
    "a person says `skip` or `promote --full` then",
    "Undecided",
    "it goes on, and the Events of the word and of the rise say what was skipped, with the numbers",
)
def skipped_bad_news() -> None:
    for given, words in test_words.HOLDS.values():
        for verb in ("skip", "promote-full"):
            test_words.test_with_skip_and_promote_full_a_person_takes_it_on_and_both_events_say_what(verb, given, words)


@row(
    "the requests of a canary or a blue/green do not go where the shares say, or are not all counted",
    "Undecided",
    "no share rises and nothing is promoted; the status and an Event have both numbers; it goes on by itself a minute "
    "after they do again, or by `skip`",
)
def split_broken() -> None:
    for case in test_split_broken.PHASES.values():
        test_split_broken.test_it_holds_and_says_so_with_both_numbers_and_the_way_out(*case)
    test_split_broken.test_it_goes_on_by_itself_when_the_split_is_mended(test_split_broken.stepping, 0.3)
    test_split_broken.test_skip_goes_on_all_the_same_and_says_what_it_skipped()


@row(
    "the mesh's filter by which users stay (`MeshHash`) is taken away during a release",
    "–",
    "no share rises, nothing is promoted and nobody wins; rewards of that time are not counted, and a version must be "
    "seen again at its weight; Event and `TrafficApplied=False` `MeshFilterMissing` with the way out; it goes on by "
    "itself when the filter is back; evidence against a version is heeded all the same",
)
def scattered() -> None:
    for begin in test_scattered.PHASES.values():
        test_scattered.test_it_is_said_nothing_rises_and_it_goes_on_when_the_filter_is_back(begin)
    test_scattered.test_rewards_of_that_time_are_not_counted_and_nobody_wins_by_them()
    test_scattered.test_a_version_that_fails_goes_back_all_the_same()


@row(
    "`falseWinner`, or anything else of a test by a reward, is edited during it",
    "–",
    "what was spent of `falseWinner` is not given back; `falseWinner` itself holds for the next test, and `Accepted` "
    "says so",
)
def edited_test() -> None:
    for edits in test_edited_tests.EDITS.values():
        test_edited_tests.test_no_edit_gives_back_what_was_spent(edits)
    test_edited_tests.test_the_chance_that_a_test_began_with_is_fixed_and_that_is_said()


@row(
    "rewards come later than `rewardDelay` says",
    "–",
    "nobody wins by what is explained as well by another delay; the message says who would have, and by which delay",
)
def later_than_told() -> None:
    for told in test_late_rewards.TOLD_WRONG.values():
        test_late_rewards.test_rewards_that_come_later_than_is_told_make_no_winner(*told)


@row(
    "`falseRollback` is edited during a release",
    "–",
    "what the release began with is fixed; it holds for the next one, and the condition `Accepted` says so",
)
def another_chance() -> None:
    test_ledger.test_an_edit_of_the_chance_itself_is_for_the_next_release_and_that_is_said()


@row(
    "stable has no ready pod when the candidate should go",
    "–",
    "the candidate keeps its requests until stable has one; only a person's abort goes through",
)
def stranded() -> None:
    world = releasing()
    world.workloads["1.0.1"] = replace(world.workloads["1.0.1"], ready=0)
    world.autoload = False
    world.run(20, bad={"1.1.2": 0.3})
    assert world.live == {"1.0.1": 90, "1.1.2": 10}
    assert len(world.said(Reason.STABLE_LOST)) == 1
    world.workloads["1.0.1"] = replace(world.workloads["1.0.1"], ready=1)
    world.requests(500, bad={"1.1.2": 0.3}).step(5)
    assert world.live == {"1.0.1": 100}


@row(
    "the strategy is edited to another kind during a release",
    "Accepted=False",
    "refused until the release has ended: the weight would jump",
)
def other_strategy() -> None:
    world = releasing()
    world.configure(strategy={"blueGreen": {}}).run(10)
    assert world.weight == 10
    assert "cannot change from canary to blueGreen while 1.1.2 is being released" in world.status.message


@row(
    "not all pods of stable are ready, with no release under way",
    "–",
    "`Progressing`, with what they wait for; `Degraded` after `serving.loadTimeout`",
)
def pods_missing() -> None:
    test_places.test_pods_that_do_not_come_up_beside_those_that_do_are_told_as_well()


@row(
    "a gateway of the rollout is not there, or does not let its hosts in",
    "–",
    "said in every phase, and by an Event; `Degraded` where no release is under way; no share changes for it",
)
def gateway_missing() -> None:
    test_entrances.test_at_rest_it_is_degraded_and_says_why()


@row(
    "somebody scales a version whose number of pods the spec says",
    "–",
    "it is put back, with an Event; where `serving.replicas` is left out the number is theirs",
)
def scaled_by_hand() -> None:
    test_size.test_a_number_that_is_written_holds_and_its_return_is_told("1.0.1")
    test_size.test_what_others_scale_is_theirs()


@row(
    "Prometheus does not know a metric of the spec",
    "–",
    "refused, where a release is judged by it, until it is there; for the first version, and with `required: false`, "
    "an Event and `ResolvedRefs=False` tell of it",
)
def metric_unknown() -> None:
    test_unknown_metric.test_it_is_told_once_by_an_event_and_by_a_condition_until_it_is_there()


@row(
    "a rollout in the mesh names a Service of its namespace that is not there",
    "–",
    "an Event (`HostWithoutService`) and `ResolvedRefs=False`, with the way out, until it is there; nothing is refused",
)
def host_without_service() -> None:
    test_unknown_metric.test_it_is_told_once_by_an_event_and_by_a_condition_until_it_is_there()


@row(
    "the spec names a ConfigMap, Secret, claim or image that is not there",
    "–",
    "nothing is refused; field, value and way out are in the sentence and in `ResolvedRefs=False` until it is there",
)
def reference_missing() -> None:
    for words, said in test_references.SAID.values():
        test_references.test_what_pods_wait_for_by_the_field_that_it_comes_of(words, said)


@row(
    "what a version is made from is corrected in the spec before it has come up",
    "applied",
    "it is made anew, the same version, and has all of `loadTimeout` again; after that, too, without `retry`",
)
def corrected() -> None:
    test_references.test_a_correction_has_all_the_time_to_load()
    test_whose_failure.test_a_correction_of_the_spec_needs_no_further_word()


@row(
    "smoke requests of a rollout in the mesh, and the installation names no proxy of the mesh, or the Service that "
    "callers ask for is missing or leads elsewhere (`ExternalName`)",
    "Unknown",
    "they are sent nowhere; the switch waits with the reason, and nobody is to blame",
)
def smoke_without_a_way() -> None:
    test_smoke_way.test_what_nothing_is_sent_to(*test_smoke_way.NO_WAYS["no proxy of the mesh is named"])
    for name in ("none of that name", "another name for something else"):
        test_smoke_way.test_the_service_is_asked_for_first(*test_smoke_way.SERVICES[name])


@row(
    "a rollout in the mesh names a host that is no Service of its namespace, or one of "
    "another domain than the cluster's",
    "–",
    "refused, unless the cluster's owner allows it (`hosts` of the chart): nobody takes a stranger's requests",
)
def host_of_the_world() -> None:
    for name in ("a host of the world in the mesh", "by a rule, in the mesh", "what everybody may have everywhere"):
        test_allowed_hosts.test_who_may_have_a_host(*test_allowed_hosts.ASKED[name])
    test_cluster_domain.test_whose_a_host_is(*test_cluster_domain.HOSTS["the full one of another cluster"])


@row("all pods of stable are gone, with no release under way", "–", "Degraded, with the pods' own words")
def stable_lost() -> None:
    world = World.of(CANARY).installed()
    world.workloads["1.0.1"] = replace(world.workloads["1.0.1"], ready=0, waiting="CrashLoopBackOff")
    world.autoload = False
    world.step(1)
    assert (world.status.phase, world.status.message) == (
        Phase.DEGRADED,
        "no pod of 1.0.1 is ready: CrashLoopBackOff",
    )


@row(
    "`modelrollout lower --to 3`",
    "–",
    "weight 3 in one step, held there until `modelrollout resume`; safety still watches",
)
def lowered() -> None:
    world = releasing()
    world.command = "lower 1.1.2 t1 3 clicks fell"
    world.run(100)
    assert world.live == {"1.0.1": 97, "1.1.2": 3}
    world.command = "resume 1.1.2 t2"
    world.run(10)
    assert world.live == {"1.0.1": 90, "1.1.2": 10}


@row(
    "`kubectl annotate` with the very words of the last command",
    "–",
    "a second command: the operator takes the annotation away once the first is answered; in the same second it counts "
    "once",
)
def the_same_words_again() -> None:
    test_same_command_again.test_an_abort_in_the_same_words_ends_the_next_release_of_the_version()
    test_same_command_again.test_the_same_skip_twice_in_one_moment_ends_one_step()


@row("`modelrollout pause`", "–", "weights are held; safety still watches")
def paused() -> None:
    world = releasing()
    world.command = "pause - t1 looking at the logs"
    world.run(120)
    assert (world.weight, world.status.phase) == (10, Phase.PAUSED)
    world.run(15, bad={"1.1.2": 0.3})
    assert world.live == {"1.0.1": 100}


@row(
    "`modelrollout abort`",
    "abort",
    "weight 0 in one step from any phase; it does not start again until `modelrollout retry`, or until the spec has "
    "named another version",
)
def aborted() -> None:
    world = releasing()
    world.command = "abort 1.1.2 t1"
    world.step(0.1)
    assert world.live == {"1.0.1": 100}
    world.run(60)
    assert (world.status.phase, world.status.trial, world.status.quarantined) == (Phase.DEGRADED, None, ())
    world.apply(version="1.0.1").run(5)
    assert world.apply(version="1.1.2").run(30).weight == 10


@row("`modelrollout abort --quarantine`", "abort", "weight 0 in one step; the version is quarantined")
def aborted_and_quarantined() -> None:
    world = releasing()
    world.command = "abort-quarantine 1.1.2 t1"
    world.step(0.1)
    assert world.live == {"1.0.1": 100}
    assert world.status.quarantined[-1].reason == Reason.ABORTED


@row(
    "in an A/B test or a bandit the reward cannot be seen (Prometheus away, no such counter)",
    "Blind",
    "the shares stay as they are and nothing is decided, also when `maxDuration` is over; it goes on by itself",
)
def reward_unseen() -> None:
    test_ab_test.test_what_cannot_be_seen_decides_nothing()
    test_bandit.test_shares_freeze_while_the_rewards_cannot_be_seen()
    test_contextual_bandit.test_while_the_rewards_cannot_be_seen_no_share_moves()


@row(
    "nobody asks in one segment of a contextual bandit",
    "–",
    "its shares stay as they are, and the other segments go on",
)
def silent_segment() -> None:
    test_contextual_bandit.test_a_segment_that_nobody_asks_keeps_its_shares_and_holds_no_other()


@row(
    "a version fails in one segment of a contextual bandit",
    "Fail",
    "it is out of all segments at once, and quarantined; no other share of a version falls",
)
def failing_in_a_segment() -> None:
    test_contextual_bandit.test_who_fails_in_one_segment_is_out_of_all_of_them()


@row(
    "a request with a value of the segments' header that is not named, or without the header",
    "–",
    "it is one of `everybody`, and shared as all those are",
)
def unknown_segment() -> None:
    test_contextual_bandit.test_every_version_gets_the_same_share_of_every_segment_at_first()


@row(
    "the reward counts no request of a version that has requests",
    "Undecided",
    "nothing is decided; the message names the version",
)
def reward_of_one_missing() -> None:
    test_ab_test.test_a_version_whose_rewards_nobody_counts_wins_nothing()


@row(
    "a version of a test has a share and gets no request",
    "NoTraffic",
    "nothing is decided and no share changes; the message names the version",
)
def arm_without_traffic() -> None:
    test_ab_test.test_a_version_that_gets_no_requests_wins_nothing_and_loses_nothing()


@row(
    "`rewardDelay: Measured`, and nobody can say yet how late rewards come: fewer than 20, or no reward gateway",
    "Undecided",
    "the shares stay as they are and nothing is decided; the message says how many were measured, and where",
)
def delay_not_known() -> None:
    test_late_rewards.test_nothing_follows_rewards_of_which_nobody_knows_how_late_they_come()


@row(
    "the delay was measured, and is not told any more",
    "–",
    "what was measured last stays true",
)
def delay_not_told() -> None:
    test_late_rewards.test_a_delay_that_is_not_told_any_more_is_still_true()


@row(
    "more rewards than requests in all, or a sum of rewards above `max` times their count",
    "Blind",
    "nothing is decided and the shares stay; message and Event have both numbers; what came meanwhile counts later",
)
def reward_exceeds_its_trials() -> None:
    test_ab_test.test_more_rewards_than_requests_in_all_decide_nothing()
    test_custom_queries.test_more_successes_than_trials_are_refused()
    test_custom_queries.test_a_sum_that_cannot_be_is_refused_with_the_way_out(51.0)


@row(
    "a counter of rewards goes backwards, and not to less than half",
    "–",
    "what came meanwhile is left out, of all versions alike; it goes on from what the counter shows then",
)
def reward_goes_backwards() -> None:
    test_ab_test.test_a_reward_counter_that_goes_backwards_loses_what_came_meanwhile_and_no_more()
    test_reward_of_any_size.test_a_sum_that_falls_alone_counts_for_nothing_and_what_follows_does()


@row(
    "the requests of a test do not go where the shares say, or are not all counted",
    "Undecided",
    "nothing is decided; the message has both numbers",
)
def skewed() -> None:
    test_ab_test.test_requests_that_go_elsewhere_are_said_and_decide_nothing()


@row(
    "the counters of a reward begin anew at 0; or rewards come when no request does",
    "–",
    "what they show is what came since; the rewards are counted with the next requests",
)
def reward_reset_or_late() -> None:
    test_ab_test.test_a_reward_counter_that_begins_anew_loses_nothing()
    test_ab_test.test_rewards_may_come_later_than_their_requests()


@row(
    "a version of a test is worse by a guardrail",
    "Fail",
    "weight 0 in the same pass, and quarantined; stable takes its share, no other share changes, and the test goes on",
)
def guardrail_in_a_test() -> None:
    test_ab_test.test_an_arm_that_fails_leaves_at_once_and_no_other_is_touched()


@row(
    "a version of a test is proven to be the best; or nothing is proven until `maxDuration`",
    "–",
    "it takes all requests, or stable keeps them; who was not chosen drains, is not to blame, and does not begin again",
)
def decided() -> None:
    test_ab_test.test_the_winner_takes_everything_and_nobody_begins_again()
    test_ab_test.test_what_is_undecided_at_the_end_keeps_the_control()


def page() -> str:
    """The documentation's table."""
    head = (
        "# What each input leads to\n\n"
        "This table is generated from the tests that prove it (`make docs`); each row is run by `make check`.\n\n"
        "| input | verdict | what happens |\n|---|---|---|\n"
    )
    return head + "".join(f"| {item.input} | {item.verdict} | {item.happens} |\n" for item in ROWS)


if __name__ == "__main__":
    PAGE.write_text(page())
