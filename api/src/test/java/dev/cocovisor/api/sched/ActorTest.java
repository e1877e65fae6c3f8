package dev.cocovisor.api.sched;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Actors hold locks, wait, and can be abandoned, whatever thread carries them. */
class ActorTest {
  private final List<String> seen = new ArrayList<>();
  private Runnable meanwhile = () -> {};
  private final Observer observer =
      (actor, kind, where, index, mode) -> {
        seen.add(actor + " " + kind + " " + mode + " " + Location.name(where, index));
        if (kind == PointKind.WAIT) {
          meanwhile.run();
        }
      };
  private final Actor vcpu = new Actor("vcpu", 0, observer);
  private final Actor vmm = new Actor("vmm", 1, observer);
  private final ModelLock lock = ModelLock.manyReaders("mmu_lock");

  @Test
  void pointsTellTheActorsObserverWhatTheyTouchAndOthersNothing() {
    SchedulePoint.write(PointKind.SPTE, "table", 3);
    lock.lock();
    lock.unlock();
    assertThat(seen).isEmpty();
    vcpu.run(() -> {
      lock.lockShared();
      SchedulePoint.write(PointKind.SPTE, lock, 3);
      lock.unlockShared();
    });
    assertThat(seen)
        .containsExactly(
            "vcpu LOCK READ mmu_lock", "vcpu SPTE WRITE mmu_lock", "vcpu UNLOCK READ mmu_lock");
    assertThat(SchedulePoint.choose(Choice.SIGNAL, lock, 2)).isZero();
  }

  @Test
  void anActorHoldsALockOnWhateverThread() throws InterruptedException {
    Thread t = Thread.ofPlatform().start(() -> vcpu.run(lock::lock));
    t.join();
    vcpu.run(() -> assertThat(lock.heldExclusive()).isTrue());
    vmm.run(() -> {
      assertThat(lock.heldExclusive()).isFalse();
      assertThat(lock.tryLockShared()).isFalse();
    });
    assertThat(lock.owner()).isSameAs(vcpu);
    assertThat(vcpu.holds()).containsExactly(new Actor.Held(lock, Mode.WRITE));
    vcpu.run(lock::unlock);
    assertThat(lock.held()).isFalse();
    assertThat(vcpu.holds()).isEmpty();
  }

  @Test
  void whoWaitsSaysForWhatAndGoesOnWhenAnotherGaveItUp() {
    vcpu.run(lock::lockShared);
    meanwhile =
        () -> {
          assertThat(vmm.waitsFor()).isEqualTo(new Location(lock, 0));
          assertThat(vcpu.holds(lock)).isTrue();
          vcpu.run(lock::unlockShared);
        };
    vmm.run(() -> {
      lock.lock();
      lock.unlock();
    });
    assertThat(seen).contains("vmm WAIT READ mmu_lock");
    assertThat(vmm.waitsFor()).isNull();
  }

  @Test
  void anActorThatWaitsForItselfIsAnErrorAtOnce() {
    vcpu.run(() -> {
      lock.lockShared();
      assertThatThrownBy(lock::lock).hasMessageContaining("taken twice by the same actor");
    });
    ModelLock word = new ModelLock("slots_lock");
    vcpu.run(() -> {
      word.lock();
      assertThatThrownBy(word::lock).hasMessageContaining("taken twice");
      assertThatThrownBy(word::lockShared).hasMessageContaining("while held");
      word.unlock();
    });
  }

  @Test
  void abandoningARunEndsItsActorsAndFreesWhatTheyHold() {
    Srcu srcu = new Srcu("kvm->srcu");
    ModelLock other = new ModelLock("slots_lock");
    vcpu.run(() -> {
      lock.lockShared();
      int token = srcu.readLock();
      assertThat(token).isPositive();
    });
    meanwhile = vmm::abandon;
    vmm.run(() -> {
      other.lock();
      assertThatThrownBy(lock::lock).isInstanceOf(Abandoned.class);
      assertThatThrownBy(() -> SchedulePoint.read(PointKind.FOLIO, this, 0))
          .isInstanceOf(Abandoned.class);
      other.unlock();
    });
    assertThat(other.held()).isFalse();
    vcpu.free();
    vmm.free();
    assertThat(lock.held()).isFalse();
    assertThat(srcu.hasReaders()).isFalse();
  }

  @Test
  void synchronizeWaitsForSectionsThatBeganBefore() {
    Srcu srcu = new Srcu("kvm->srcu");
    srcu.synchronize();
    int[] token = new int[1];
    vcpu.run(() -> token[0] = srcu.readLock());
    meanwhile = () -> vcpu.run(() -> srcu.readUnlock(token[0]));
    vmm.run(srcu::synchronize);
    assertThat(seen).contains("vmm WAIT READ kvm->srcu");
    assertThatThrownBy(() -> srcu.readUnlock(token[0])).hasMessageContaining("never began");
  }

  @Test
  void referencesEndWithTheLastOne() {
    RefCount r = new RefCount("kvm->users_count", 1);
    r.get();
    assertThat(r.put()).isFalse();
    assertThat(r.put()).isTrue();
    assertThat(r.getUnlessZero()).isFalse();
    assertThatThrownBy(r::get).hasMessageContaining("after its last");
    assertThatThrownBy(r::put).hasMessageContaining("more references");
  }
}
