/**
 * TDs and vCPUs as the module keeps them: life cycle, epochs, measurement, the zero-step guard. The
 * classes hold state and the locks beside it; the calls that change it are in {@link
 * dev.cocovisor.tdx.module.call}. Parameters are checked where they are parsed.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.tdx.module.td;
