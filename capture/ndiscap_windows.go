package capture

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// driverName is that of Windows' filter driver "Microsoft NDIS Capture", a service that is started on demand.
const driverName = "ndiscap"

// startDriver starts the driver, if it does not run.
func startDriver() error {
	if err := driverService(); err != nil {
		switch {
		case errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST):
			err = fmt.Errorf("this Windows has no driver %s (is it Windows 8.1, Server 2012 R2 or newer?): %w", driverName, errors.ErrUnsupported)
		case errors.Is(err, fs.ErrPermission):
			err = fmt.Errorf("%w (run as administrator, or as the service)", err)
		}
		return fmt.Errorf("start the driver %s: %w", driverName, err)
	}
	return nil
}

func driverService() error {
	manager, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT)
	if err != nil {
		return err
	}
	defer windows.CloseServiceHandle(manager)
	service, err := windows.OpenService(manager, windows.StringToUTF16Ptr(driverName), windows.SERVICE_START|windows.SERVICE_QUERY_STATUS)
	if err != nil {
		return err
	}
	defer windows.CloseServiceHandle(service)
	err = windows.StartService(service, 0, nil)
	if errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
		return nil
	}
	for end := time.Now().Add(10 * time.Second); err == nil; {
		var s windows.SERVICE_STATUS
		if err = windows.QueryServiceStatus(service, &s); err == nil && s.CurrentState == windows.SERVICE_RUNNING {
			return nil
		}
		if time.Now().After(end) {
			return errors.New("it is still not running after 10 s")
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

// The driver is attached to adapters ("bound") only while somebody captures. As netsh does, who attaches it adds 1 to RefCount, and who
// brings that back to 0 detaches it. Our own value beside it says that one of them is ours, also when we crashed.
const (
	driverKey   = `SYSTEM\CurrentControlSet\Services\NdisCap\Parameters`
	driverUsers = "RefCount"
	driverOurs  = sessionName
)

func attachDriver() error {
	err := countDriver(true)
	if err == nil {
		err = bindDriver(true)
	}
	if err != nil {
		return fmt.Errorf("attach the driver %s to the adapters: %w", driverName, err)
	}
	return nil
}

// countDriver counts us among the users of the driver, or no longer, after which nobody may be left.
func countDriver(in bool) error {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, driverKey, registry.QUERY_VALUE|registry.SET_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return nil // nobody counts
	}
	if err != nil {
		return err
	}
	defer k.Close()
	users, _, _ := k.GetIntegerValue(driverUsers) // 0 where there is none
	_, _, absent := k.GetIntegerValue(driverOurs)
	switch {
	case in == (absent == nil):
		return nil
	case in:
		users++
		err = k.SetDWordValue(driverOurs, 1)
	default:
		users = max(users, 1) - 1
		err = k.DeleteValue(driverOurs)
	}
	if err == nil {
		err = k.SetDWordValue(driverUsers, uint32(users))
	}
	if err == nil && users == 0 {
		return bindDriver(false)
	}
	return err
}

// comObject is a COM interface pointer: it points to a table of functions, of which the first three are IUnknown's.
type comObject struct{ table *[32]uintptr }

const (
	comQueryInterface = 0
	comRelease        = 2
)

// call calls the function at a place of the table. A negative HRESULT is an error.
//
//go:uintptrescapes
func (o *comObject) call(place int, args ...uintptr) (uint32, error) {
	r, _, _ := syscall.SyscallN(o.table[place], append([]uintptr{uintptr(unsafe.Pointer(o))}, args...)...)
	if int32(r) < 0 {
		return uint32(r), fmt.Errorf("HRESULT %#x: %w", uint32(r), hresult(uint32(r)))
	}
	return uint32(r), nil
}

// hresult returns the Windows error that an HRESULT wraps (FACILITY_WIN32).
func hresult(r uint32) error {
	if r>>16&0x1fff == 7 {
		return syscall.Errno(r & 0xffff)
	}
	return syscall.Errno(r)
}

func (o *comObject) query(id *windows.GUID) (to *comObject, err error) {
	_, err = o.call(comQueryInterface, uintptr(unsafe.Pointer(id)), uintptr(unsafe.Pointer(&to)))
	return to, err
}

func (o *comObject) release() { _, _ = o.call(comRelease) }

// netCfg is {C0E8AE..-306E-11D1-AACF-00805FC1270E}: the interfaces differ in an octet.
func netCfg(octet uint32) *windows.GUID {
	return &windows.GUID{Data1: 0xc0e8ae00 | octet, Data2: 0x306e, Data3: 0x11d1, Data4: [8]byte{0xaa, 0xcf, 0x00, 0x80, 0x5f, 0xc1, 0x27, 0x0e}}
}

// Places of functions in the tables of INetCfg, INetCfgLock, INetCfgComponent, INetCfgComponentBindings, IEnumNetCfgBindingPath
// and INetCfgBindingPath.
const (
	cfgInitialize, cfgUninitialize, cfgApply, cfgFind = 3, 4, 5, 8
	lockAcquire, lockRelease                          = 3, 4
	componentGetID                                    = 6
	bindingsEnum                                      = 8
	enumNext                                          = 3
	pathEnable, pathIsEnabled, pathGetOwner           = 6, 5, 8
)

// bindDriver attaches the driver to all adapters that it fits, or detaches it, in the network configuration (INetCfg, netcfgx.h).
func bindDriver(on bool) error {
	runtime.LockOSThread() // COM belongs to a thread
	defer runtime.UnlockOSThread()
	if err := windows.CoInitializeEx(0, windows.COINIT_APARTMENTTHREADED); err != nil && !errors.Is(err, syscall.Errno(1)) {
		return err
	}
	defer windows.CoUninitialize()
	create := windows.NewLazySystemDLL("ole32.dll").NewProc("CoCreateInstance")
	if err := create.Find(); err != nil {
		return err
	}
	class := &windows.GUID{Data1: 0x5b035261, Data2: 0x40f9, Data3: 0x11d1, Data4: [8]byte{0xaa, 0xec, 0x00, 0x80, 0x5f, 0xc1, 0x27, 0x0e}}
	var cfg *comObject
	const inProcess = 1
	r, _, _ := create.Call(uintptr(unsafe.Pointer(class)), 0, inProcess, uintptr(unsafe.Pointer(netCfg(0x93))), uintptr(unsafe.Pointer(&cfg)))
	if int32(r) < 0 {
		return fmt.Errorf("network configuration: %w", hresult(uint32(r)))
	}
	defer cfg.release()
	return bindLocked(cfg, on)
}

// bindLocked does it while nobody else changes the configuration.
func bindLocked(cfg *comObject, on bool) error {
	lock, err := cfg.query(netCfg(0x9f))
	if err != nil {
		return err
	}
	defer lock.release()
	const patience = 5000 // milliseconds
	var who *uint16
	r, err := lock.call(lockAcquire, patience, uintptr(unsafe.Pointer(windows.StringToUTF16Ptr(sessionName))), uintptr(unsafe.Pointer(&who)))
	other := ""
	if who != nil {
		other = windows.UTF16PtrToString(who)
		windows.CoTaskMemFree(unsafe.Pointer(who))
	}
	switch {
	case err != nil:
		return err
	case r == 1: // S_FALSE
		return fmt.Errorf("another program is changing the network configuration: %s", other)
	}
	defer lock.call(lockRelease)
	if _, err := cfg.call(cfgInitialize, 0); err != nil {
		return err
	}
	defer cfg.call(cfgUninitialize)
	return bindPaths(cfg, on)
}

// bindPaths switches on or off every path from the driver to an adapter.
func bindPaths(cfg *comObject, on bool) error {
	id := windows.StringToUTF16Ptr("ms_" + driverName)
	var driver *comObject
	if r, err := cfg.call(cfgFind, uintptr(unsafe.Pointer(id)), uintptr(unsafe.Pointer(&driver))); err != nil {
		return err
	} else if r != 0 || driver == nil {
		return fmt.Errorf("the component ms_%s is not installed: %w", driverName, errors.ErrUnsupported)
	}
	defer driver.release()
	bindings, err := driver.query(netCfg(0x9e))
	if err != nil {
		return err
	}
	defer bindings.release()
	enabled, changed := 0, false
	for _, direction := range []uintptr{1, 2} { // EBP_ABOVE, EBP_BELOW
		var paths *comObject
		if _, err := bindings.call(bindingsEnum, direction, uintptr(unsafe.Pointer(&paths))); err != nil || paths == nil {
			continue
		}
		n, c, err := switchPaths(paths, on)
		paths.release()
		if err != nil {
			return err
		}
		enabled, changed = enabled+n, changed || c
	}
	if changed {
		if _, err := cfg.call(cfgApply); err != nil {
			return err
		}
	}
	if on && enabled == 0 {
		return errors.New("it fits none of them")
	}
	return nil
}

// switchPaths switches the paths that the driver owns, and returns how many are on then, and whether any was switched.
func switchPaths(paths *comObject, on bool) (enabled int, changed bool, err error) {
	for {
		var path *comObject
		var got uint32
		if r, err := paths.call(enumNext, 1, uintptr(unsafe.Pointer(&path)), uintptr(unsafe.Pointer(&got))); err != nil || r != 0 || path == nil {
			return enabled, changed, err
		}
		is, _ := path.call(pathIsEnabled)
		if ownsPath(path) && (is == 0) != on {
			flag := uintptr(0)
			if on {
				flag = 1
			}
			if _, err = path.call(pathEnable, flag); err == nil {
				changed, is = true, uint32(1-flag)
			}
		}
		if is == 0 {
			enabled++
		}
		path.release()
		if err != nil {
			return enabled, changed, err
		}
	}
}

// ownsPath tells whether the upper end of a path is the driver: other protocols' paths may lead through it.
func ownsPath(path *comObject) bool {
	var owner *comObject
	if _, err := path.call(pathGetOwner, uintptr(unsafe.Pointer(&owner))); err != nil || owner == nil {
		return false
	}
	defer owner.release()
	var id *uint16
	if _, err := owner.call(componentGetID, uintptr(unsafe.Pointer(&id))); err != nil || id == nil {
		return false
	}
	defer windows.CoTaskMemFree(unsafe.Pointer(id))
	return windows.UTF16PtrToString(id) == "ms_"+driverName
}
