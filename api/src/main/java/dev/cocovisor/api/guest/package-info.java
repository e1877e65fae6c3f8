/**
 * What a guest can do and how a run of a vCPU ends. A guest is a sequence of actions, never
 * machine\n * code.\n
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.api.guest;
