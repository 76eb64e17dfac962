/* The view change of vsync with its primary rule, as a model for SPIN. README.md says what is left out and how to run it.
 *
 * "Step n" is step n of the view change in section 4 of libvsync/protocol/README.md. Source of the consensus: Lamport, "Paxos Made
 * Simple", 2001. Deviations from it: the acceptors are the members of the view that ends, a "majority" is a set that may go on, and a
 * value is accepted only after those that it obliges have said that they can keep it.
 *
 * A frame, once sent, may be read at any later time, or never, and by each receiver or not: that is loss, delay, repetition, partition and
 * healing in one. So there are no channels; what was sent is shared state, and reading is a step. What commutes with everything else is
 * one step (Lipton 1975): an acceptor's promise with its arrival at the coordinator, an acceptance with its count.
 *
 * Time is nothing but order: a suspicion may come at any moment and about anybody. A set of members that hear each other is any set
 * of those that answered.
 *
 * Everything is bounded: nodes, views, ballots of each instance, crashes. Within the bounds the search is complete.
 */

#ifndef NODES
#define NODES 3       /* 3 to 5 */
#endif
#ifndef INSTANCES
#define INSTANCES 2   /* how many views can end */
#endif
#ifndef BALLOTS
#define BALLOTS 3     /* of each instance */
#endif
#ifndef MEMBERS
#define MEMBERS ALL   /* of the first view; the others are joiners */
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef RESTARTS
#define RESTARTS 0    /* with the disk */
#endif
#ifndef REINSTALLS
#define REINSTALLS 0  /* without */
#endif
#ifndef LEAVES
#define LEAVES 0
#endif
#ifndef MESSAGES
#define MESSAGES 1    /* 0: membership alone; 2: in one lane */
#endif

/* A mutant breaks one rule; 0 is the protocol as it is. README.md has the list. */
#ifndef MUTANT
#define MUTANT 0
#endif
#define MEMBERS_DECIDE       1
#define BLEND                2
#define ALL_OF_NEXT_DECIDE   3
#define NO_WEDGE             4
#define ANY_HALF             5
#define BLOCKED_DISCARD      6
#define ACCUSED_ARE_OUT      7
#define STAR_NOT_CLIQUE      8
#define DISK_VOTES           9
#define EMPTY_FORM          10
#define NO_ADOPTION         11
#define ADOPTION_BY_BALLOT  12
#define PROMISE_NOT_KEPT    13
#define NOT_ON_DISK         14
#define DISK_FORGOTTEN      15
#define NO_FETCH            16
#define WEDGE_IS_NO_REASON  17
#define LEARNERS_WEIGH      18
#define OWN_TIE_BREAKER     19
#define IS(mutant) (MUTANT == mutant)

/* The properties. With ONLY just that one is looked at: a mutant must break the one that it is meant to. */
#ifndef ONLY
#define ONLY 0
#endif
#define one_successor       1  /* a view has one successor, and one id one content */
#define chosen_by_old_view  2  /* what is installed was accepted in one ballot by a set of the old view that may go on */
#define successors_meet     3  /* a member that goes on from the old view to the next brings its state, but after a restart formation */
#define within_the_cut      4  /* who goes on delivered what the cut has, and nothing else of the old view */
#define uniform_is_kept     5  /* what was uniform is in the cut, but after a restart formation */
#define no_second_cluster   6  /* no first formation beside a view */
#define goes_on             7  /* when faults end: whoever may go on does, connected, with no member left wedged */
#define CHECK(property, condition) assert((ONLY != 0 && ONLY != property) || (condition))

/* ---------------------------------------------------------------- sets of nodes */

#define ALL ((1 << NODES) - 1)
#define ONE(i) (1 << (i))
#define HAS(set, i) (((set) >> (i)) & 1)
#define SIZE(set) (HAS(set, 0) + HAS(set, 1) + HAS(set, 2) + HAS(set, 3) + HAS(set, 4))
#define WITHIN(a, b) (((a) & ~(b)) == 0)
#define LOWEST(set) (HAS(set, 0) -> 0 : (HAS(set, 1) -> 1 : (HAS(set, 2) -> 2 : (HAS(set, 3) -> 3 : 4))))

/* ---------------------------------------------------------------- views */

/* A view, and as a value of the consensus also the cut: which messages it has. A weight is 0 or 1, the learner's or the voter's. */
#define VIEW(members, voters, holders, tie, cut, restart, disks) \
  ((members) | (voters) << NODES | (holders) << 2 * NODES | (tie) << 3 * NODES | \
   (cut) << 3 * NODES + 3 | (restart) << 3 * NODES + 5 | (disks) << 3 * NODES + 6)
#define M(view) ((view) & ALL)
#define W(view) ((view) >> NODES & ALL)      /* have weight */
#define H(view) ((view) >> 2 * NODES & ALL)  /* loaded payload holders */
#define TIE(view) ((view) >> 3 * NODES & 7)
#define CUT(view) ((view) >> 3 * NODES + 3 & 3)
#define RESTART(view) ((view) >> 3 * NODES + 5 & 1)  /* formed by a restart formation: a new epoch */
#define DISKS(view) ((view) >> 3 * NODES + 6 & 1)    /* that goes on from disks, since nobody loaded lives */

/* The primary rule, as the properties know it. */
#define VOTES(view, set) SIZE(W(view) & (set))
#define VOTES_AGAINST(view, set) SIZE(W(view) & ~(set))
#define HALF(view, set) (VOTES(view, set) == VOTES_AGAINST(view, set))
#define TRULY_MAY_GO_ON(view, set) \
  ((VOTES(view, set) > VOTES_AGAINST(view, set) || (HALF(view, set) && HAS(set, TIE(view)))) && (H(view) & (set)) != 0)
#define UNIFORM_SET(view, set) ((H(view) & (set)) != 0 && !TRULY_MAY_GO_ON(view, M(view) & ~(H(view) & (set))))

/* And as the protocol applies it; `by` coordinates. */
#define MAY_GO_ON(view, set, by) \
  (TRULY_MAY_GO_ON(view, set) || ((H(view) & (set)) != 0 && HALF(view, set) && (IS(ANY_HALF) || (IS(OWN_TIE_BREAKER) && HAS(set, by)))))

/* ---------------------------------------------------------------- nodes */

/* What a name is at the moment. A name that is in none of these sets is down. */
byte live = MEMBERS;         /* has a view installed and its memory of it */
byte returning = 0;          /* restarted: bound to the view on its disk, without a vote of its own in it */
byte joining = ALL & ~(MEMBERS); /* bound to no view: empty, or a new incarnation after an exclusion */

byte loaded = MEMBERS;
byte leaving = 0;            /* asked to be left out */

/* On disk. */
#define NOWHERE 7
byte at[NODES];              /* the view that it is bound to */
byte promised[NODES];        /* in the instance of that view; 0: nothing */
byte accepted[NODES];

/* A live member is wedged from its first answer or acceptance on, until the next view is installed (step 1). */
#define WEDGED(x) (promised[x] != 0)
#if NODES == 3
#define BOUND_TO(k) ((at[0] == (k)) | (at[1] == (k)) << 1 | (at[2] == (k)) << 2)
#elif NODES == 4
#define BOUND_TO(k) ((at[0] == (k)) | (at[1] == (k)) << 1 | (at[2] == (k)) << 2 | (at[3] == (k)) << 3)
#else
#define BOUND_TO(k) ((at[0] == (k)) | (at[1] == (k)) << 1 | (at[2] == (k)) << 2 | (at[3] == (k)) << 3 | (at[4] == (k)) << 4)
#endif

/* ---------------------------------------------------------------- the messages */

/* Of two in one view the first is ordered first: nobody has the second's place in the order without the first and its place. */
#if MESSAGES > 1
#define PLACES 2
#define IN_ORDER(m) ((m) == 0 || born[0] != born[1] || HAS(holds[0], x))
#define EACH(of) (of(0) && of(1))
#define HELD(held, at, clique) (((held[at] & (clique)) != 0 -> 1 : 0) | ((held[(at) + 1] & (clique)) != 0 -> 2 : 0))
#else
#define PLACES 1
#define IN_ORDER(m) true
#define EACH(of) (of(0))
#define HELD(held, at, clique) ((held[at] & (clique)) != 0 -> 1 : 0)
#endif
byte born[PLACES] = NOWHERE; /* the view in which it was published */
byte holds[PLACES];          /* who has it, with its order */
byte acknowledged[PLACES];   /* who delivered it and said so, and that is: before it was wedged; dead or alive */

/* ---------------------------------------------------------------- instances and their ballots */

int view[INSTANCES + 1];     /* the chain: what was chosen; 0: nothing yet */
bool decided[INSTANCES];     /* a coordinator has counted enough acceptances, so that nodes may be told. view[k + 1] is known then */

byte asked[INSTANCES];       /* whose present incarnation is proposed as a joiner */

#define SLOTS (INSTANCES * BALLOTS)
#define SLOT(k, b) ((k) * BALLOTS + (b) - 1)
#define UNUSED 0
#define COLLECTING 1         /* Prepare is sent, answers are awaited */
#define GATHERING 2          /* Gather is sent */
#define ACCEPTING 3          /* Accept is sent: the coordinator matters no more, since who reads what it sent is open anyway */
#define ABANDONED 4
byte phase[SLOTS];
byte coordinator[SLOTS];
bool restart[SLOTS];         /* names answer from their disks too */
/* Counted answers, as they were when they were given: */
byte answers[SLOTS];
byte from_disk[SLOTS];
byte answered_loaded[SLOTS];
byte answered_holding[SLOTS * PLACES];
byte answered_accepted[SLOTS];
byte highest[SLOTS];         /* the highest ballot of a reported acceptance */
byte gathered[SLOTS];
byte acceptors[SLOTS];       /* whose AcceptedBallot is out */
int value[SLOTS];

/* ---------------------------------------------------------------- budgets */

byte crashes = CRASHES, restarts = RESTARTS, reinstalls = REINSTALLS, leaves = LEAVES;

/* Choices of the step under way; 0 between steps. */
byte x, b, set, joiners;
/* Within one deterministic step. */
hidden byte k, s, i, j, m, possible, going, stays, holders;
hidden int next;

/* ---------------------------------------------------------------- choosing */

inline any_node() {
  if
  :: x = 0
  :: x = 1
  :: x = 2
#if NODES > 3
  :: x = 3
#endif
#if NODES > 4
  :: x = 4
#endif
  fi
}

inline any_ballot() {
  if
  :: b = 1
#if BALLOTS > 1
  :: b = 2
#endif
#if BALLOTS > 2
  :: b = 3
#endif
#if BALLOTS > 3
  :: b = 4
#endif
  fi
}

inline any_subset(chosen, out_of) {
  if :: HAS(out_of, 0) -> chosen = chosen | 1 :: true fi;
  if :: HAS(out_of, 1) -> chosen = chosen | 2 :: true fi;
  if :: HAS(out_of, 2) -> chosen = chosen | 4 :: true fi;
#if NODES > 3
  if :: HAS(out_of, 3) -> chosen = chosen | 8 :: true fi;
#endif
#if NODES > 4
  if :: HAS(out_of, 4) -> chosen = chosen | 16 :: true fi;
#endif
}

/* ---------------------------------------------------------------- housekeeping that keeps equal states equal */

inline forget_answers(slot) {
  answers[slot] = 0; from_disk[slot] = 0; answered_loaded[slot] = 0; answered_holding[slot * PLACES] = 0;
#if MESSAGES > 1
  answered_holding[slot * PLACES + 1] = 0;
#endif
  answered_accepted[slot] = 0; highest[slot] = 0; gathered[slot] = 0;
}

/* A coordinator that crashes, begins another ballot or goes to another view ends the ballot it had begun. What it has sent stays. */
inline abandon_ballots_of(node) {
  s = 0;
  do
  :: s < SLOTS ->
     if
     :: (phase[s] == COLLECTING || phase[s] == GATHERING) && coordinator[s] == node ->
        phase[s] = ABANDONED; coordinator[s] = 0; restart[s] = 0; value[s] = 0;
        forget_answers(s)
     :: else
     fi;
     s++
  :: else -> break
  od
}

/* Nobody is bound to a decided view any more: its instance is history. */
inline close_instances() {
  j = 0;
  do
  :: j < INSTANCES ->
     if
     :: decided[j] && BOUND_TO(j) == 0 ->
        s = SLOT(j, 1);
        do
        :: s <= SLOT(j, BALLOTS) ->
           phase[s] = ABANDONED; coordinator[s] = 0; restart[s] = 0; value[s] = 0; acceptors[s] = 0;
           forget_answers(s);
           s++
        :: else -> break
        od;
        asked[j] = asked[j] & M(view[j + 1]);
        if :: born[0] == j -> acknowledged[0] = 0 :: else fi;
#if MESSAGES > 1
        if :: born[1] == j -> acknowledged[1] = 0 :: else fi
#endif
     :: else
     fi;
     j++
  :: else -> break
  od
}

/* ---------------------------------------------------------------- what is chosen and decided */

/* An acceptance was counted in instance k, slot s. */
inline count_acceptances() {
  if
  :: TRULY_MAY_GO_ON(view[k], acceptors[s]) -> record_successor(value[s])
  :: else
  fi;
  /* Step 4: of the old view, since a set that may go on in it and the members of the next need not meet. */
  if
  :: (IS(MEMBERS_DECIDE) -> MAY_GO_ON(view[k], acceptors[s] | M(view[k]) & ~M(value[s]), coordinator[s]) :
      MAY_GO_ON(view[k], acceptors[s], coordinator[s])) &&
     (!IS(ALL_OF_NEXT_DECIDE) || WITHIN(M(view[k]) & M(value[s]), acceptors[s])) ->
     CHECK(chosen_by_old_view, TRULY_MAY_GO_ON(view[k], acceptors[s]));
     record_successor(value[s]);
     decided[k] = true
  :: else
  fi
}

#define UNIFORM_IS_CUT(m) (born[m] != k || RESTART(view[k + 1]) || HAS(CUT(view[k + 1]), m) || !UNIFORM_SET(view[k], acknowledged[m]))
inline record_successor(successor) {
  if
  :: view[k + 1] == 0 ->
     view[k + 1] = successor;
     CHECK(successors_meet, W(successor) != 0 && (RESTART(successor) || (H(successor) & M(view[k])) != 0));
     CHECK(uniform_is_kept, EACH(UNIFORM_IS_CUT));
     CHECK(within_the_cut, CUT(successor) != 2 || born[0] != k)  /* it is a beginning of the order */
  :: else -> CHECK(one_successor, view[k + 1] == successor)
  fi
}

/* ---------------------------------------------------------------- the steps */

/* Step 1, the coordinator. Its own promise is on disk before anybody is asked, so that its ballot is never used again. A restart
 * formation may begin wherever a disk answers: whether the living can go on without it is a matter of who hears whom. */
#define MAY_BEGIN(from_disks) \
  (HAS(live | (from_disks -> returning : 0), x) && at[x] < INSTANCES && phase[SLOT(at[x], b)] == UNUSED && b > promised[x] && \
   (!from_disks || (returning & BOUND_TO(at[x])) != 0))
inline begin_ballot(from_disks) {
  abandon_ballots_of(x);
  s = SLOT(at[x], b);
  phase[s] = COLLECTING;
  coordinator[s] = x;
  restart[s] = from_disks;
  note_answer()
}

/* Step 1, the acceptor. The answer says what the member holds now, and it holds no more of the view from now on. */
inline note_answer() {
  promised[x] = b;
  answers[s] = answers[s] | ONE(x);
  if
  :: HAS(returning, x) -> from_disk[s] = from_disk[s] | ONE(x)
  :: else ->
     if :: HAS(loaded, x) -> answered_loaded[s] = answered_loaded[s] | ONE(x) :: else fi;
     m = 0;
     do
     :: m < PLACES ->
        if
        :: born[m] == at[x] && HAS(holds[m], x) -> answered_holding[s * PLACES + m] = answered_holding[s * PLACES + m] | ONE(x)
        :: else
        fi;
        m++
     :: else -> break
     od
  fi;
  if
  :: accepted[x] != 0 && !(IS(DISK_FORGOTTEN) && HAS(returning, x)) ->
     answered_accepted[s] = answered_accepted[s] | ONE(x);
     if :: accepted[x] > highest[s] -> highest[s] = accepted[x] :: else fi
  :: else
  fi
}

#define VOTES_IN(slot) HAS(live | ((restart[slot] || IS(DISK_VOTES)) -> returning : 0), x)
#define MAY_PROMISE \
  (at[x] < INSTANCES && phase[SLOT(at[x], b)] == COLLECTING && VOTES_IN(SLOT(at[x], b)) && b >= promised[x])
#define MAY_ANSWER (MAY_PROMISE && !HAS(answers[SLOT(at[x], b)], x))

/* Step 2. `set` is the clique, `joiners` who is admitted. */
#define MAY_CHOOSE \
  (at[x] < INSTANCES && phase[SLOT(at[x], b)] == COLLECTING && coordinator[SLOT(at[x], b)] == x && \
   MAY_GO_ON(view[at[x]], answers[SLOT(at[x], b)], x))
#define POSSIBLY_CHOSEN(slot) (answered_accepted[slot] | M(view[at[x]]) & ~answers[slot])
#define POSSIBLY_IN_THE_HIGHEST(slot) (acceptors[SLOT(at[x], highest[slot])] & answers[slot] | M(view[at[x]]) & ~answers[slot])
#define MUST_ADOPT(slot) \
  (highest[slot] != 0 && !IS(NO_ADOPTION) && \
   MAY_GO_ON(view[at[x]], (IS(ADOPTION_BY_BALLOT) -> POSSIBLY_IN_THE_HIGHEST(slot) : POSSIBLY_CHOSEN(slot)), x))
/* Nodes in no view that the members of the clique have heard long enough. A restarted name may also be admitted as what it is: new.
 * (Behind a decision nothing new can be chosen, so that it doesn't matter what would be proposed.) */
#define CANDIDATES(slot) ((restart[slot] || decided[at[x]]) -> 0 : (joining | returning) & ~answers[slot])

/* The next view of view `old`, from the answers of the clique. */
inline form(old, clique, disks, with_state, held, admitted, may_restart) {
  stays = (clique) & ~leaving;
  going = with_state & stays;
  if
  :: (with_state & (clique)) != 0 && going == 0 ->
     /* The last holder of the state doesn't leave. */
     going = ONE(LOWEST(with_state & (clique)));
     stays = stays | going
  :: else
  fi;
  if :: stays == 0 -> stays = clique :: else fi;
  holders = (going != 0 -> going : (disks) & stays);
  next = VIEW(stays | admitted, (W(old) & stays) | holders | (IS(LEARNERS_WEIGH) -> admitted : 0), holders,
              (HAS(stays, TIE(old)) -> TIE(old) : LOWEST(stays)),
              (going != 0 -> held : 0), may_restart, (going == 0))
}

inline choose_value() {
  s = SLOT(at[x], b);
  if
  :: MUST_ADOPT(s) ->
     value[s] = value[SLOT(at[x], highest[s])];
     phase[s] = ACCEPTING  /* it was gathered before it was first accepted */
  :: else ->
     form(view[at[x]], set, from_disk[s], answered_loaded[s], HELD(answered_holding, s * PLACES, set), joiners, restart[s]);
     value[s] = next;
     asked[at[x]] = asked[at[x]] | joiners;
     phase[s] = (DISKS(next) || IS(NO_FETCH) -> ACCEPTING : GATHERING)
  fi;
  forget_answers(s);
  restart_and_coordinator_matter_no_more()
}

inline restart_and_coordinator_matter_no_more() {
  if
  :: phase[s] == ACCEPTING && !IS(OWN_TIE_BREAKER) && !IS(BLEND) -> coordinator[s] = 0
  :: else
  fi
}

/* Step 3. A payload comes from any member that lives and holds it; wedged or not, it answers fetches. */
#define HOLDERS_ALIVE(m, instance) (live & holds[m] & BOUND_TO(instance))
#define CAN_BE_FETCHED(m) (!HAS(CUT(value[SLOT(at[x], b)]), m) || HOLDERS_ALIVE(m, at[x]) != 0)
#define MAY_GATHER \
  (HAS(live, x) && at[x] < INSTANCES && phase[SLOT(at[x], b)] == GATHERING && b >= promised[x] && \
   HAS(H(value[SLOT(at[x], b)]) & ~gathered[SLOT(at[x], b)], x) && \
   EACH(CAN_BE_FETCHED))
inline gather() {
  s = SLOT(at[x], b);
  m = 0;
  do
  :: m < PLACES ->
     if :: HAS(CUT(value[s]), m) -> holds[m] = holds[m] | ONE(x) :: else fi;
     m++
  :: else -> break
  od;
  gathered[s] = gathered[s] | ONE(x);
  if
  :: WITHIN(H(value[s]), gathered[s]) ->
     phase[s] = ACCEPTING;
     gathered[s] = 0;
     restart_and_coordinator_matter_no_more()
  :: else
  fi
}

/* Step 4. Who answers from its disk is bound to the ballot that it promised. */
#define MAY_ACCEPT \
  (at[x] < INSTANCES && phase[SLOT(at[x], b)] == ACCEPTING && VOTES_IN(SLOT(at[x], b)) && !HAS(acceptors[SLOT(at[x], b)], x) && \
   (HAS(live, x) -> b >= promised[x] || IS(PROMISE_NOT_KEPT) : b == promised[x]))
inline accept() {
  k = at[x];
  s = SLOT(k, b);
  promised[x] = b;
  accepted[x] = b;
  acceptors[s] = acceptors[s] | ONE(x);
  count_acceptances()
}

/* Step 5. Whoever is shown the decision takes the step that it means for it. */
#define MAY_LEARN(k) (k < INSTANCES && decided[k])
/* A frame is addressed to one incarnation. A later one is shown the decision by somebody who has installed it. */
#define BOUND_BEYOND(k) \
  (ALL & ~BOUND_TO(NOWHERE) & ~BOUND_TO(0) & ((k) < 1 -> ALL : ~BOUND_TO(1)) & ((k) < 2 -> ALL : ~BOUND_TO(2)))
#define IS_SHOWN(k) (MAY_LEARN(k) && BOUND_BEYOND(k) != 0)
inline forget_that_it_was_asked() {
  j = 0;
  do
  :: j < INSTANCES -> asked[j] = asked[j] & ~ONE(x); j++
  :: else -> break
  od
}

inline drop_messages() {
  holds[0] = holds[0] & ~ONE(x);
#if MESSAGES > 1
  holds[1] = holds[1] & ~ONE(x)
#endif
}

inline enter(place) {
  abandon_ballots_of(x);
  at[x] = place;
  promised[x] = 0;
  accepted[x] = 0;
  drop_messages();
  forget_that_it_was_asked()
}

inline lose_memory() {
  forget_that_it_was_asked();
  live = live & ~ONE(x);
  returning = returning & ~ONE(x);
  joining = joining & ~ONE(x);
  loaded = loaded & ~ONE(x);
  leaving = leaving & ~ONE(x);
  drop_messages()
}

inline install_from_memory() {
  k = at[x];
  next = view[k + 1];
  if
  :: HAS(H(next), x) ->
     m = 0;
     do
     :: m < PLACES ->
        /* The payload that it lacks may still come from a holder; not if it confirmed what it hadn't got and the holder is gone. */
        if :: IS(NO_FETCH) && HAS(CUT(next), m) && HOLDERS_ALIVE(m, k) != 0 -> holds[m] = holds[m] | ONE(x) :: else fi;
        CHECK(within_the_cut, born[m] != k || (HAS(CUT(next), m) -> HAS(holds[m], x) : !HAS(acknowledged[m], x)));
        m++
     :: else -> break
     od;
     enter(k + 1)
  :: !HAS(H(next), x) && HAS(M(next), x) ->
     loaded = loaded & ~ONE(x);
     enter(k + 1)
  :: else ->
     enter(NOWHERE);
     lose_memory();
     joining = joining | ONE(x)
  fi;
  close_instances()
}

/* A returning name: the view lists its former incarnation (it is bound to that view now), or this one (it answered from its disk and
 * installs), or neither. */
inline learn_from_disk(installs) {
  k = at[x];
  next = view[k + 1];
  if
  :: !HAS(M(next), x) ->
     enter(NOWHERE);
     returning = returning & ~ONE(x);
     joining = joining | ONE(x)
  :: else ->
     enter(k + 1);
     if
     :: installs ->
        returning = returning & ~ONE(x);
        live = live | ONE(x);
        if :: HAS(H(next), x) -> loaded = loaded | ONE(x) :: else fi
     :: else
     fi
  fi;
  close_instances()
}

/* A node without a view that was admitted. A name in the view without having been asked is a former incarnation of it. */
#define ADMITTED(k) (decided[k] && HAS(asked[k] & M(view[k + 1]), x))
#define ANSWERED_FROM_DISK(view) (HAS(M(view), x) && RESTART(view) && (DISKS(view) || !HAS(H(view), x)))

inline leave_for_good() {
  /* Its disk stays bound to the old view: it may be started again. */
  abandon_ballots_of(x);
  lose_memory()
}

inline crash() {
  crashes--;
  abandon_ballots_of(x);
  lose_memory();
  if
  :: IS(NOT_ON_DISK) -> promised[x] = 0; accepted[x] = 0
  :: else
  fi
}

inline start_again() {
  if
  :: at[x] == NOWHERE -> joining = joining | ONE(x)
  :: else -> returning = returning | ONE(x)
  fi
}

/* Some payload-holding member of the view publishes; others get it in any order, or not. */
#define MAY_PUBLISH(m) (born[m] == NOWHERE && HAS(live & loaded, x) && at[x] < INSTANCES && !WEDGED(x))
#define MAY_DELIVER(m) \
  (born[m] != NOWHERE && HAS(live & ~holds[m], x) && at[x] == born[m] && IN_ORDER(m) && (!WEDGED(x) || IS(NO_WEDGE)))
inline deliver(m) {
  holds[m] = holds[m] | ONE(x);
  acknowledged[m] = acknowledged[m] | ONE(x)
}

/* State transfer to a learner. */
#define MAY_LOAD (HAS(live & ~loaded, x) && at[x] < INSTANCES && !WEDGED(x) && (live & loaded & BOUND_TO(at[x])) != 0)

/* ---------------------------------------------------------------- when faults end */

#ifdef FAULTS_END
/* From any state: no node fails any more, and the network stays as it is, with everything connected, or one host that hears nobody, or
 * one link cut. Ballots under way are overtaken by new ones. What the protocol then does takes no further choice, so it is followed to
 * its end here, within one step, which changes nothing: a check, not a part of the search. */
byte deaf, cut;
hidden byte newest, live_here, disks_here, wedged_here, loaded_here, held_here[PLACES], clique, best, round, reporters, reported;
hidden byte restarting;
hidden int current;

inline any_network() {
  if
  :: true
  :: deaf = 1
  :: deaf = 2
  :: deaf = 4
  :: cut = 3
  :: cut = 5
  :: cut = 6
#if NODES > 3
  :: deaf = 8
  :: cut = 9
  :: cut = 12
#endif
#if NODES > 4
  :: deaf = 16
  :: cut = 17
  :: cut = 24
#endif
  fi
}

#define CONNECTED(set) ((((set) & deaf) == 0 || SIZE(set) == 1) && SIZE((set) & cut) < 2)
#define BY_ONE_CENTRE(set) ((((set) & deaf) == 0 || SIZE(set) == 1) && (SIZE((set) & cut) < 2 || ((set) & ~cut) != 0))

/* The largest connected set of `pool` that may go on. */
inline find_clique(pool) {
  clique = 0;
  best = 1;
  do
  :: best <= ALL ->
     if
     :: WITHIN(best, pool) && MAY_GO_ON(current, best, LOWEST(best)) && (IS(STAR_NOT_CLIQUE) -> BY_ONE_CENTRE(best) : CONNECTED(best)) &&
        (clique == 0 || VOTES(current, best) > VOTES(current, clique) ||
         (VOTES(current, best) == VOTES(current, clique) && SIZE(best) > SIZE(clique))) -> clique = best
     :: else
     fi;
     best++
  :: else -> break
  od
}

inline find_true_clique(pool) {
  clique = 0;
  best = 1;
  do
  :: best <= ALL && clique == 0 ->
     if
     :: WITHIN(best, pool) && TRULY_MAY_GO_ON(current, best) && CONNECTED(best) -> clique = best
     :: else
     fi;
     best++
  :: else -> break
  od
}

inline forget_held() {
  held_here[0] = 0;
#if MESSAGES > 1
  held_here[1] = 0
#endif
}

/* Everybody but the deaf is shown what the others have installed. */
inline catch_up() {
  newest = 0;
  i = 0;
  do
  :: i < NODES ->
     if :: HAS(live | returning, i) && at[i] > newest -> newest = at[i] :: else fi;
     i++
  :: else -> break
  od;
  live_here = 0; disks_here = 0; wedged_here = 0; loaded_here = 0; reporters = 0; reported = 0;
  forget_held();
  i = 0;
  do
  :: i < NODES && HAS(live | returning, i) ->
     j = at[i];
     stays = HAS(loaded, i);
     do
     :: j < newest && !HAS(deaf, i) && HAS(M(view[j + 1]), i) ->
        if :: !HAS(H(view[j + 1]), i) -> stays = 0 :: else fi;
        j++
     :: else -> break
     od;
     if
     :: j == newest ->
        if
        :: HAS(live, i) -> live_here = live_here | ONE(i); loaded_here = loaded_here | stays << i
        :: else -> disks_here = disks_here | ONE(i)
        fi;
        if
        :: at[i] == newest ->
           if :: HAS(live, i) && WEDGED(i) -> wedged_here = wedged_here | ONE(i) :: else fi;
           m = 0;
           do
           :: m < PLACES ->
              if :: born[m] == newest && HAS(holds[m], i) -> held_here[m] = held_here[m] | ONE(i) :: else fi;
              m++
           :: else -> break
           od
        :: else
        fi
     :: else
     fi;
     i++
  :: i < NODES && !HAS(live | returning, i) -> i++
  :: else -> break
  od;
  current = view[newest]
}

inline report_acceptances() {
  i = 0;
  do
  :: i < NODES ->
     if
     :: HAS(clique, i) && at[i] == newest && accepted[i] != 0 && !(IS(DISK_FORGOTTEN) && HAS(returning, i)) ->
        reporters = reporters | ONE(i);
        if :: accepted[i] > reported -> reported = accepted[i] :: else fi
     :: else
     fi;
     i++
  :: else -> break
  od
}

#define ONE_MORE_CHANGE \
  (restarting || clique != M(current) || ((clique & wedged_here) != 0 && !IS(WEDGE_IS_NO_REASON)) || \
   ((clique & leaving) != 0 && SIZE(clique & loaded_here) > 1) || (clique & loaded_here & ~W(current)) != 0)

inline change_view() {
  if
  :: reported != 0 && MAY_GO_ON(current, reporters | M(current) & ~clique, LOWEST(clique)) ->
     next = value[SLOT(newest, reported)];
     restarting = 0
  :: else -> form(current, clique, clique & disks_here, clique & loaded_here, HELD(held_here, 0, clique), 0, restarting)
  fi;
  CHECK(goes_on, !IS(ALL_OF_NEXT_DECIDE) || WITHIN(M(current) & M(next), clique));
  reporters = 0; reported = 0;
  forget_held();
  /* Who has answered from its disk in this very ballot installs. */
  if :: restarting -> live_here = live_here | clique & disks_here; disks_here = disks_here & ~clique :: else fi;
  stays = (ALL & ~deaf | clique) & M(next);
  live_here = live_here & stays;
  disks_here = disks_here & stays;
  wedged_here = 0;
  loaded_here = ((live_here & H(next)) != 0 -> live_here : 0);
  current = next
}

inline settle() {
  catch_up();
  round = 0;
  do
  :: round < 8 ->
     restarting = 0;
     find_true_clique(live_here);
     stays = clique;
     possible = live_here;
     if
     :: IS(ACCUSED_ARE_OUT) && (deaf & live_here) != 0 -> possible = possible & deaf
     :: IS(ACCUSED_ARE_OUT) && (deaf & live_here) == 0 -> possible = possible & ~cut
     :: else
     fi;
     find_clique(possible);
     CHECK(goes_on, stays == 0 || clique != 0);
     if
     :: clique == 0 -> find_clique(live_here | disks_here); restarting = (clique != 0)
     :: else
     fi;
     if
     :: clique == 0 || !ONE_MORE_CHANGE -> break
     :: else ->
        if :: round == 0 -> report_acceptances() :: else fi;
        change_view()
     fi;
     round++
  :: else -> break
  od;
  CHECK(goes_on, round < 8);
  if
  :: clique != 0 ->
     CHECK(goes_on, (clique & wedged_here) == 0);
     CHECK(goes_on, CONNECTED(clique))
  :: else ->
     /* With everybody back, and no disk lost, somebody must be able to. */
     CHECK(goes_on, deaf != 0 || cut != 0 || reinstalls != REINSTALLS || (live | returning | joining) != ALL)
  fi
}
#endif

/* ---------------------------------------------------------------- everything that can happen */

/* SPIN wants a deterministic step to end in a statement of its own, thus `skip`. */
init {
  d_step {
    i = 0;
    do
    :: i < NODES -> at[i] = (HAS(MEMBERS, i) -> 0 : NOWHERE); i++
    :: else -> break
    od;
    view[0] = VIEW(MEMBERS, MEMBERS, MEMBERS, LOWEST(MEMBERS), 0, 0, 0)
  }

end:
  do
  :: atomic {
       any_node();
       any_ballot();
       if
       :: MAY_BEGIN(0) -> d_step { begin_ballot(0); skip }
       :: MAY_BEGIN(1) -> d_step { begin_ballot(1); skip }
       :: MAY_ANSWER -> d_step { s = SLOT(at[x], b); note_answer(); skip }
       :: MAY_PROMISE && b > promised[x] -> d_step { promised[x] = b } /* its answer is lost */
       :: MAY_CHOOSE ->
          if
          :: MUST_ADOPT(SLOT(at[x], b)) -> d_step { choose_value(); skip }
          :: else ->
             any_subset(set, answers[SLOT(at[x], b)]);
             any_subset(joiners, CANDIDATES(SLOT(at[x], b)));
             if
             :: MAY_GO_ON(view[at[x]], set, x) -> d_step { choose_value(); skip }
             :: else
             fi
          fi
       :: MAY_GATHER -> d_step { gather(); skip }
       :: MAY_ACCEPT -> d_step { accept(); skip }
       :: else
       fi;
       x = 0; b = 0; set = 0; joiners = 0
     }
  :: atomic {
       any_node();
       if
       :: HAS(live, x) && MAY_LEARN(at[x]) && (!HAS(leaving, x) || HAS(M(view[at[x] + 1]), x)) -> d_step { install_from_memory(); skip }
       :: HAS(live & leaving, x) && MAY_LEARN(at[x]) && !HAS(M(view[at[x] + 1]), x) &&
          UNIFORM_SET(view[at[x] + 1], live & BOUND_BEYOND(at[x])) -> d_step { leave_for_good(); skip }
       :: HAS(returning, x) && IS_SHOWN(at[x]) -> d_step { learn_from_disk(0); skip }
       :: HAS(returning, x) && IS_SHOWN(at[x]) && (ADMITTED(at[x]) || ANSWERED_FROM_DISK(view[at[x] + 1])) ->
          d_step { learn_from_disk(1); skip }
       :: HAS(joining, x) && ADMITTED(0) -> d_step { enter(1); joining = joining & ~ONE(x); live = live | ONE(x); skip }
#if INSTANCES > 1
       :: HAS(joining, x) && ADMITTED(1) -> d_step { enter(2); joining = joining & ~ONE(x); live = live | ONE(x); skip }
#endif
#if MESSAGES > 0
       :: MAY_PUBLISH(0) -> d_step { born[0] = at[x]; deliver(0); skip }
       :: MAY_DELIVER(0) -> d_step { deliver(0); skip }
#endif
#if MESSAGES > 1
       :: born[0] != NOWHERE && MAY_PUBLISH(1) && (at[x] != born[0] || HAS(holds[0], x)) -> d_step { born[1] = at[x]; deliver(1); skip }
       :: MAY_DELIVER(1) -> d_step { deliver(1); skip }
#endif
       :: MAY_LOAD -> d_step { loaded = loaded | ONE(x) }
       :: leaves > 0 && HAS(live & ~leaving, x) -> d_step { leaves--; leaving = leaving | ONE(x) }
       :: crashes > 0 && HAS(live | returning | joining, x) -> d_step { crash(); skip }
       :: restarts > 0 && !HAS(live | returning | joining, x) -> d_step { restarts--; start_again() }
       :: reinstalls > 0 && !HAS(live | returning | joining, x) ->
          d_step { reinstalls--; enter(NOWHERE); close_instances(); start_again(); skip }
       :: IS(BLOCKED_DISCARD) && HAS(live, x) -> d_step { enter(NOWHERE); lose_memory(); joining = joining | ONE(x); skip }
       :: IS(BLEND) && HAS(live, x) && at[x] < INSTANCES -> any_ballot();
          if
          :: phase[SLOT(at[x], b)] == ACCEPTING && coordinator[SLOT(at[x], b)] == x && !WITHIN(M(value[SLOT(at[x], b)]), live) ->
             d_step {
               k = at[x];
               s = SLOT(k, b);
               next = value[s];
               value[s] = VIEW(M(next) & live, W(next) & live, H(next) & live, x, CUT(next), RESTART(next), DISKS(next));
               count_acceptances();
               skip
             }
          :: else
          fi
       :: else
       fi;
       x = 0; b = 0
     }
     /* First formation: all configured peers are empty and hear each other. */
  :: d_step { (IS(EMPTY_FORM) -> SIZE(joining) > NODES / 2 : joining == ALL) -> CHECK(no_second_cluster, BOUND_TO(NOWHERE) == ALL) }
#ifdef FAULTS_END
  :: atomic { any_network(); d_step { settle(); skip }; deaf = 0; cut = 0 }
#endif
  od
}
