"""The systems that the rack is to carry, and how far each one is. Numbers of measurements are not kept here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """PARTIAL: part of what the paper describes runs and is tested. WORKS: all of it. PLANNED: nothing yet."""

    WORKS = "works"
    PARTIAL = "partial"
    PLANNED = "planned"


@dataclass(frozen=True)
class System:
    """A system: what it is, where its parts live, the command that runs it, and what it was shown to do here."""

    key: str
    title: str
    paper: str
    what: str
    state: State = State.PLANNED
    rooms: tuple[str, ...] = ()
    run: str = ""
    shown: str = ""
    missing: str = ""


SYSTEMS = (
    System(
        "mind",
        "MIND",
        "arXiv:2107.00164",
        "The switch is the rack's memory management unit and coherence directory.",
        State.PARTIAL,
        ("p4src/mind.p4", "control/mind", "ebpf", "hosts/compute"),
        "rackplane demo",
        "PageRank by one worker per compute blade with graph, ranks and barrier in rack memory, checked against a "
        "local computation; translation, protection and the MSI directory in P4, invalidation by multicast.",
        "Bounded splitting, migration, processes spread over blades, recovery from lost blades.",
    ),
    System("gcs", "GCS", "arXiv:2301.02576", "Reader-writer locks as a generalisation of cache coherence."),
    System(
        "pulse",
        "PULSE",
        "arXiv:2305.02388",
        "Pointer traversals shipped to memory blades and re-routed by the switch.",
    ),
    System(
        "clio",
        "Clio",
        "arXiv:2108.03492",
        "A memory node that owns virtual memory, network and offload; stateless in clients.",
    ),
    System(
        "storm",
        "Storm",
        "arXiv:1902.02411",
        "Transactions on one-sided reads with a fall-back to remote procedure calls.",
    ),
    System(
        "supernic",
        "SuperNIC",
        "arXiv:2109.07744",
        "Network tasks of many hosts consolidated, chained and shared fairly.",
    ),
    System(
        "lifl",
        "LIFL",
        "arXiv:2405.10968",
        "Aggregation for federated learning with shared memory and eBPF proxies.",
    ),
    System(
        "shortstack",
        "SHORTSTACK",
        "arXiv:2205.14281",
        "Oblivious data access that survives crashes of its proxies.",
    ),
    System(
        "karma", "Karma", "arXiv:2305.17222", "Fair sharing of memory slices by credits, for demands that change."
    ),
    System(
        "blindfold",
        "Blindfold and MProtect",
        "arXiv:2412.01059, arXiv:2212.12671",
        "A kernel without access to user memory.",
    ),
    System(
        "numapte",
        "numaPTE",
        "arXiv:2401.15558",
        "Page tables replicated on demand, shootdowns sent to sharers only.",
    ),
    System(
        "promptcache",
        "Prompt Cache",
        "arXiv:2311.04934",
        "Attention states of prompt modules, reused across prompts.",
    ),
    System(
        "asynclm", "AsyncLM", "arXiv:2412.07017", "Function calls that do not stop a language model's generation."
    ),
    System(
        "tetriinfer",
        "TetriInfer",
        "arXiv:2401.11181",
        "Prefill in chunks, apart from decode, with two-level scheduling.",
    ),
    System(
        "distserve", "DistServe", "arXiv:2401.09670", "Prefill and decode in pools of their own, sized for goodput."
    ),
    System(
        "semipd", "semi-PD", "arXiv:2504.19867", "Separate computation and shared storage for prefill and decode."
    ),
    System(
        "nanoflow",
        "NanoFlow",
        "arXiv:2408.12757",
        "Nano-batches that overlap compute, memory and network inside a device.",
    ),
    System(
        "infinitellm",
        "Infinite-LLM",
        "arXiv:2401.02669",
        "Attention over key-value caches that lie on several instances.",
    ),
    System(
        "attentionstore",
        "AttentionStore",
        "arXiv:2403.19708",
        "Key-value caches of conversations kept for their next turn.",
    ),
    System("caraserve", "CaraServe", "arXiv:2401.11240", "Many adapters served, cold ones helped by the CPU."),
    System("blockllm", "BlockLLM", "arXiv:2404.18322", "Fine-tuned models served as chains of shared blocks."),
    System(
        "burstgpt", "BurstGPT", "arXiv:2401.17644", "A trace of language-model requests, and load made after it."
    ),
    System(
        "semanticcache",
        "Category-aware semantic caching",
        "arXiv:2510.26835",
        "A semantic cache with policies per category.",
    ),
    System(
        "coe",
        "SN40L, Composition of Experts",
        "arXiv:2405.07518",
        "Expert models in three tiers of memory behind a router.",
    ),
    System("curator", "Curator", "arXiv:2401.07119", "A vector index for many tenants in one shared tree."),
    System("cloudformer", "CloudFormer", "", "Predicts how much a virtual machine suffers from its neighbours."),
    System("r2d2", "R2D2", "arXiv:2312.13427", "Finds tables contained in others, and which to delete."),
    System(
        "lsmgnn",
        "LSM-GNN",
        "arXiv:2407.15264",
        "Caches of several devices as one, for graph training from storage.",
    ),
    System("sjmalloc", "SJMalloc", "arXiv:2410.17928", "An allocator that keeps its metadata away from the data."),
    System("pacsim", "Pac-Sim", "arXiv:2310.17089", "Sampled simulation of threads without analysis up front."),
    System(
        "hull",
        "Hull (SCALO)",
        "arXiv:2301.03103",
        "Distributed implants with storage and hash-first similarity search.",
    ),
    System(
        "masb",
        "Intelligent load balancing",
        "",
        "Central and agent-based balancing of a cloud with migration costs.",
    ),
    System(
        "coldstarts",
        "Serverless cold starts",
        "arXiv:2410.06145",
        "Where cold starts come from, by a production trace.",
    ),
    System(
        "berkeleyview",
        "Berkeley view on serverless",
        "arXiv:1902.03383",
        "What serverless platforms lack, turned into experiments.",
    ),
    System(
        "mpisa",
        "Storage in the decentralized world",
        "arXiv:2012.10253",
        "Ledgers and hash tables compared as storage.",
    ),
)
