/**
 * Locks, references and schedule points: the one package that owns waiting. Nothing outside it uses
 * JDK locks or monitors, and nothing in the model reads a clock.
 *
 * <p><b>Who acts.</b> In an ordinary run threads act. In an explored run {@linkplain
 * dev.cocovisor.api.sched.Actor actors} do: one each for what is to happen at the same time,
 * carried by whatever thread or continuation the explorer likes, bound by {@link
 * dev.cocovisor.api.sched.Actor#run}. An actor knows what it holds and what it waits for. Its
 * {@link dev.cocovisor.api.sched.Observer} belongs to the run of one host; hosts that ordinary
 * threads or other runs drive in the same process have nothing to do with it.
 *
 * <p><b>Where others may go first.</b> Before an access to anything shared stands a {@link
 * dev.cocovisor.api.sched.SchedulePoint} that says what kind of step it is, which object and which
 * part of it are touched, and whether the step {@linkplain dev.cocovisor.api.sched.Mode reads or
 * writes}. Two steps of different actors commute unless they touch one part of one object and one
 * of them writes. Between two points an actor touches only what is its own, or what it holds
 * exclusively.
 *
 * <p><b>Waiting.</b> Nothing blocks. Whoever cannot go on looks, calls {@link
 * dev.cocovisor.api.sched.SchedulePoint#await} with the place that has to change, and looks again.
 * An explorer wakes an actor that stands at {@link dev.cocovisor.api.sched.PointKind#WAIT} when
 * another has written or given up that very place; if all stand there, the run is stuck. A RETRY is
 * no wait: the actor may go on, and it is for the explorer to be fair or to count.
 *
 * <p><b>The kernel's means.</b> {@link dev.cocovisor.api.sched.ModelLock} is every mutex, spinlock
 * and rwlock, {@link dev.cocovisor.api.sched.RefCount} every reference, {@link
 * dev.cocovisor.api.sched.Srcu} the readers that slot updates wait for. The order of locks is that
 * of {@code Documentation/virt/kvm/locking.rst}: kvm lock, vCPU mutex, slots_lock, a guest_memfd's
 * invalidate lock, mmap_lock, mmu_lock, then the trusted halves'.
 *
 * <p><b>Abandoning a run.</b> {@link dev.cocovisor.api.sched.Actor#abandon} makes the actor's next
 * point throw {@link dev.cocovisor.api.sched.Abandoned}, so that it leaves what it is in; {@link
 * dev.cocovisor.api.sched.Actor#free} takes from it what it still holds. An actor that is never
 * resumed may simply be forgotten: nothing of it is held outside its host.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.api.sched;
