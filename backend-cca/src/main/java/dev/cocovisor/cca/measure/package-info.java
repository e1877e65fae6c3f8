/**
 * Initial measurements of Arm CCA realms from a description of how a host builds them: a step file
 * that lists the measured RMI calls, and the realm's parameters. The chain itself is the {@code
 * rmm} package's. It needs no RMM, no granules and no tables.
 */
@NullMarked
package dev.cocovisor.cca.measure;

import org.jspecify.annotations.NullMarked;
