package dev.cocovisor.api.ops;

import org.apiguardian.api.API;

/**
 * The vendor half of one VM: one flat table of hooks, as x86_ops is. Every hook has the kernel's
 * default, so an implementation that overrides nothing is an ordinary VM.
 *
 * <p>Hooks never throw for modelled failures and never allocate on the fault path.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public interface VmOps
    extends LifecycleOps,
        MappingOps,
        ExternalTableOps,
        DelegatedStageOps,
        GuestMemfdOps,
        EncryptionOps,
        MigrationOps {}
