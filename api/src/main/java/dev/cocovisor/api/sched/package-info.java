/**
 * Locks and schedule points: the one package that owns locking. Every lock operation is a {@link\n
 * * dev.cocovisor.api.sched.SchedulePoint}, so an explorer can decide who runs next. Nothing
 * outside this\n * package uses JDK locks, monitors or the clock.\n
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.api.sched;
