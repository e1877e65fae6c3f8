/** Tests of the replayer. */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.cca.rmilog;
