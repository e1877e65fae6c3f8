package dev.cocovisor.cca.rmm.op;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.realm.Context;
import org.jspecify.annotations.Nullable;

/** RMI_OP_CONTINUE, RMI_OP_CANCEL, RMI_OP_MEM_DONATE and RMI_OP_MEM_RECLAIM. */
// TF-RMM runtime/rmi/sro.c.
public final class OperationCommands {
  private final Context context;
  private final Operations operations;

  /** Creates the commands over an RMM's operations. */
  public OperationCommands(Context context, Operations operations) {
    this.context = context;
    this.operations = operations;
  }

  /** Begins to work on an operation that expects a kind of call; null with the PE's refusal. */
  private @Nullable StatefulOperation take(Pe pe, long handle, StatefulOperation.Expects expected) {
    StatefulOperation operation = operations.find(handle);
    if (operation == null) {
      pe.refuse(Status.ERROR_INPUT, "no operation is open under the handle");
      return null;
    }
    if (operation.expects() != expected) {
      pe.refuse(Status.ERROR_INPUT, "the operation waits for another kind of call");
      return null;
    }
    return operation;
  }

  /** Goes on with an operation; flags mean nothing to those there are. */
  public long resume(Pe pe, long handle, long flags) {
    StatefulOperation operation = take(pe, handle, StatefulOperation.Expects.CONTINUE);
    if (operation == null) {
      return Status.ERROR_INPUT;
    }
    if (!operation.enter()) {
      return pe.refuse(Status.BUSY, "another PE works on the operation");
    }
    long status = operation.resume(pe);
    boolean goesOn = Status.code(status) == Status.INCOMPLETE || status == Status.BUSY;
    if (!goesOn) {
      operations.end(operation);
    }
    operation.leave();
    return status;
  }

  /** None of the operations there are can be cancelled. */
  public long cancel(Pe pe, long handle) {
    return operations.find(handle) == null
        ? pe.refuse(Status.ERROR_INPUT, "no operation is open under the handle")
        : pe.refuse(Status.ERROR_INPUT, "the operation cannot be cancelled");
  }

  /** Gives memory to an operation; x1 granules taken, x2 what is still wanted. */
  public long donate(Pe pe, long handle, long address, long count) {
    StatefulOperation operation = take(pe, handle, StatefulOperation.Expects.DONATE);
    if (operation == null) {
      return Status.ERROR_INPUT;
    }
    if (!operation.enter()) {
      return pe.refuse(Status.BUSY, "another PE works on the operation");
    }
    long status = donate(pe, operation, HostList.of(address, count));
    operation.leave();
    return status;
  }

  private long donate(Pe pe, StatefulOperation operation, HostList list) {
    if (!list.aligned() || !list.readable(context)) {
      return pe.refuse(
          Status.ERROR_INPUT, "the list is unaligned or not in memory of the normal world");
    }
    Exchange exchange = operation.exchange();
    long offered = 0;
    for (int i = 0; i < list.count(); i++) {
      long d = list.get(context, i);
      if (Block.count(d) == 0) {
        continue;
      }
      if ((Block.address(d) & (Block.size(d) - 1)) != 0 || Block.state(d) != 0) {
        return pe.refuse(
            Status.ERROR_INPUT, "a descriptor is unaligned or not of delegated memory");
      }
      offered += Block.granules(d);
    }
    if (offered > exchange.missing()) {
      return pe.refuse(Status.ERROR_INPUT, "more memory is offered than wanted");
    }
    long taken = take(exchange, list);
    if (offered != 0 && taken == 0) {
      return operation.refusedMemory(pe);
    }
    pe.out1(taken);
    pe.out2(exchange.request());
    return operation.expect(
        exchange.missing() == 0
            ? StatefulOperation.Expects.CONTINUE
            : StatefulOperation.Expects.DONATE);
  }

  /** Takes granules in order until one is not DELEGATED; returns how many. */
  private long take(Exchange exchange, HostList list) {
    long taken = 0;
    for (int i = 0; i < list.count(); i++) {
      long d = list.get(context, i);
      for (long j = 0; j < Block.granules(d); j++) {
        if (!exchange.take(Block.address(d) + (j << PageLevel.PAGE_SHIFT))) {
          return taken;
        }
        taken++;
      }
    }
    return taken;
  }

  /** Takes memory back from an operation; x1 descriptors written to the list. */
  public long reclaim(Pe pe, long handle, long address, long count) {
    StatefulOperation operation = operations.find(handle);
    HostList list = HostList.of(address, count);
    if (operation == null) {
      return pe.refuse(Status.ERROR_INPUT, "no operation is open under the handle");
    }
    if (!list.aligned()) {
      return pe.refuse(Status.ERROR_INPUT, "the list is unaligned");
    }
    if (take(pe, handle, StatefulOperation.Expects.RECLAIM) == null) {
      return Status.ERROR_INPUT;
    }
    if (!operation.enter()) {
      return pe.refuse(Status.BUSY, "another PE works on the operation");
    }
    long status = reclaim(pe, operation, list);
    operation.leave();
    return status;
  }

  private long reclaim(Pe pe, StatefulOperation operation, HostList list) {
    if (list.count() == 0) {
      return Status.RECLAIM;
    }
    Exchange exchange = operation.exchange();
    if (!exchange.hasUnnamed()) {
      exchange.handBack(list.count());
    }
    if (!list.readable(context)) {
      return pe.refuse(
          Status.ERROR_INPUT,
          "the list is not in memory of the normal world; what left is named by the next call");
    }
    pe.out1(exchange.name(list));
    return operation.expect(
        exchange.owes() ? StatefulOperation.Expects.RECLAIM : StatefulOperation.Expects.CONTINUE);
  }
}
